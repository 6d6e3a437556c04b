//! The last look before something old is marked, terminated or deleted.

use super::Ended;
use plumb_core::kinds::old::Old;
use plumb_core::plan::{Action, Change, LiveObject, normal};
use plumb_core::teardown::basis;

/// How a change ends before it begins, when what it is about is not what it was decided on.
pub(super) fn stale(change: &Change, found: &LiveObject, read: &str) -> Option<Ended> {
    let Some(now) = Old::of(&found.seen.whole()) else {
        return Some(Ended::Stale { differences: vec!["it cannot be understood any more".into()], sent: Vec::new() });
    };
    if normal::hash(&basis(&now, change.action == Action::Terminate)) == read {
        return None;
    }
    let mut differences = now.busy.clone();
    differences.push(format!("it is {}, {}", now.state, if now.protected { "protected" } else { "not protected" }));
    let tags: Vec<String> = now.tags.iter().map(|(key, value)| format!("{key}={value}")).collect();
    differences.push(format!("its tags are {}", if tags.is_empty() { "none".to_owned() } else { tags.join(", ") }));
    Some(Ended::Stale { differences, sent: Vec::new() })
}
