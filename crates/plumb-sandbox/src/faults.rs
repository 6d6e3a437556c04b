//! Faults on demand: a rule says which request is to fail, how, and how often.

use plumb_model::text::glob;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Whether a fault strikes before the request has its effect, or after.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum When {
    #[default]
    Before,
    After,
}

fn once() -> u64 {
    1
}

/// One rule.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// The method; any when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
    /// The path, where `*` stands for any text.
    pub path: String,
    #[serde(default)]
    pub when: When,
    /// The status to answer with. Without it (and without `drop`) the real answer goes out, delayed or truncated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// The body to answer with; made up from the status when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<Value>,
    /// Seconds, sent as `Retry-After`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after: Option<u64>,
    /// Closes the connection without an answer.
    #[serde(default)]
    pub drop: bool,
    /// Sends this many bytes of the body, then closes the connection.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub truncate: Option<u32>,
    #[serde(default)]
    pub delay_ms: u64,
    /// How many matching requests it strikes.
    #[serde(default = "once")]
    pub times: u64,
    /// How many matching requests it lets pass first.
    #[serde(default)]
    pub skip: u64,
}

/// Finds the rule that strikes this request, counts it, and takes it away once it is used up.
pub fn strike(faults: &mut Vec<Fault>, method: &str, path: &str) -> Option<Fault> {
    let mut struck = None;
    for fault in faults.iter_mut() {
        let hits = fault.method.as_ref().is_none_or(|m| m.eq_ignore_ascii_case(method)) && glob(&fault.path, path);
        if !hits || fault.times == 0 {
            continue;
        }
        if fault.skip > 0 {
            fault.skip -= 1;
            continue;
        }
        fault.times -= 1;
        struck = Some(fault.clone());
        break;
    }
    faults.retain(|fault| fault.times > 0);
    struck
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_fault_lets_some_pass_and_is_used_up() {
        let fault = serde_json::from_value(json!({ "path": "/x", "status": 500, "skip": 1, "times": 2 })).unwrap();
        let mut faults = vec![fault];
        let struck: Vec<bool> = (0..5).map(|_| strike(&mut faults, "GET", "/x").is_some()).collect();
        assert_eq!(struck, [false, true, true, false, false]);
        assert!(faults.is_empty());
    }

    #[test]
    fn a_misspelt_member_is_refused() {
        assert!(serde_json::from_value::<Fault>(json!({ "path": "/x", "stauts": 500 })).is_err());
    }
}
