//! Guards: limits on what one apply may do, and from where.

use super::{Blocked, Counts};
use crate::manifest::Guards;

/// The guards on how much one apply may do. `owned` is how many objects the project has now.
pub fn of_counts(counts: &Counts, owned: usize, guards: &Guards) -> Vec<Blocked> {
    let mut blocked = Vec::new();
    let deletes = counts.delete + counts.replace;
    if let Some(limit) = guards.max_deletes
        && deletes > limit as usize
    {
        blocked.push(Blocked {
            address: None,
            reason: format!("{deletes} objects would be deleted or made anew; `guards.maxDeletes` allows {limit}"),
            remedy: Some("look at them, then `plumb apply --override max-deletes`".into()),
        });
    }
    let touched = deletes + counts.update;
    if let Some(limit) = guards.max_change_percent
        && owned > 0
        && touched * 100 > limit as usize * owned
    {
        blocked.push(Blocked {
            address: None,
            reason: format!(
                "{touched} of {owned} owned objects would change, {} %; `guards.maxChangePercent` allows {limit} %",
                touched * 100 / owned
            ),
            remedy: Some("look at them, then `plumb apply --override max-change-percent`".into()),
        });
    }
    blocked
}
