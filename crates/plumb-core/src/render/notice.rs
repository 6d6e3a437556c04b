//! What is said of drift outside: to Slack, and to anything that takes JSON.

use super::value::visible;
use super::{body, counted};
use crate::plan::Plan;
use serde_json::{Value, json};

/// How many resources a message names.
const NAMED: usize = 10;

/// What became of a target's drift.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum News {
    Appeared,
    Changed,
    Gone,
}

impl News {
    /// The word that machines read.
    pub fn name(self) -> &'static str {
        match self {
            News::Appeared => "appeared",
            News::Changed => "changed",
            News::Gone => "gone",
        }
    }
}

/// A message for Slack's incoming webhooks, which others imitate: `{"text": …}`.
pub fn slack(drift: &Plan, news: News, link: Option<&str>) -> Value {
    let name = format!("{} on target {}", plain(&drift.project), plain(&drift.target));
    let mut lines = vec![match news {
        News::Gone => format!("The drift of {name} is gone."),
        News::Appeared => format!("{name} has drifted: {}.", how_much(drift)),
        News::Changed => format!("The drift of {name} has changed: {}.", how_much(drift)),
    }];
    for change in drift.changes.iter().take(NAMED) {
        lines.push(format!("• {} {}", plain(&change.address.to_string()), plain(&body::done_to(change))));
    }
    if drift.changes.len() > NAMED {
        lines.push(format!("• and {} more", drift.changes.len() - NAMED));
    }
    lines.extend(link.map(plain));
    json!({ "text": lines.join("\n") })
}

/// The same for machines. Values are left out: they belong where the manifests can be read.
pub fn webhook(drift: &Plan, news: News, link: Option<&str>, at: i64) -> Value {
    let resources: Vec<Value> = drift
        .changes
        .iter()
        .map(|c| {
            let fields: Vec<&str> = c.fields.iter().map(|f| f.path.as_str()).collect();
            json!({ "address": c.address, "action": c.action, "id": c.id, "fields": fields })
        })
        .collect();
    json!({
        "format": "plumb.drift/v1",
        "news": news.name(),
        "project": drift.project,
        "target": drift.target,
        "digest": drift.digest,
        "head": drift.head,
        "at": at,
        "link": link,
        "resources": resources,
        "refused": drift.blocked.iter().map(|b| json!({ "address": b.address, "reason": b.reason })).collect::<Vec<_>>(),
    })
}

fn how_much(drift: &Plan) -> String {
    let mut text = counted(drift.changes.len(), "resource is not as git says", "resources are not as git says");
    if !drift.blocked.is_empty() {
        text.push_str(&format!(", {} refused", drift.blocked.len()));
    }
    text
}

/// Text in which Slack sees no link, no mention and no markup (docs.slack.dev, "Formatting message text").
fn plain(text: &str) -> String {
    let text = visible(text).replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    // A word joiner stops what would be bold, struck through or code, and shows nothing.
    text.chars()
        .map(|c| if matches!(c, '*' | '~' | '`' | '@') { format!("\u{2060}{c}\u{2060}") } else { c.to_string() })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_called_by_a_name() {
        assert_eq!(plain("<!channel> & \n"), "&lt;!channel&gt; &amp; \\n");
        assert!(!plain("a*b*@c").contains("*b*"));
    }
}
