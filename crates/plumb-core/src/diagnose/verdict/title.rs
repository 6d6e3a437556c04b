//! A class's sentence with the names of a run.

use std::collections::BTreeMap;

/// Fills the slots of a title: `{used} of {limit}`. A part in brackets goes if a slot in it is not known. `None`: a slot outside
/// of brackets is not known.
pub(super) fn filled(title: &str, slots: &BTreeMap<String, String>) -> Option<String> {
    let mut text = String::with_capacity(title.len());
    let mut rest = title;
    while let Some(open) = rest.find('[') {
        let (before, from) = rest.split_at(open);
        let Some(close) = closing(from) else { break };
        text.push_str(&slotted(before, slots)?);
        let inside = from.get(1..close).unwrap_or_default();
        if let Some(part) = filled(inside, slots) {
            text.push_str(&part);
        }
        rest = from.get(close + 1..).unwrap_or_default();
    }
    text.push_str(&slotted(rest, slots)?);
    Some(text)
}

/// The offset of the bracket that closes the first one.
fn closing(text: &str) -> Option<usize> {
    let mut depth = 0_usize;
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'[' => depth += 1,
            b']' if depth == 1 => return Some(at),
            b']' => depth -= 1,
            _ => {}
        }
    }
    None
}

fn slotted(text: &str, slots: &BTreeMap<String, String>) -> Option<String> {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, from)) = rest.split_once('{') {
        let (name, after) = from.split_once('}')?;
        out.push_str(before);
        out.push_str(slots.get(name).filter(|value| !value.is_empty())?);
        rest = after;
    }
    out.push_str(rest);
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::filled;
    use std::collections::BTreeMap;

    fn with(slots: &[(&str, &str)], title: &str) -> Option<String> {
        let slots: BTreeMap<String, String> = slots.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        filled(title, &slots)
    }

    #[test]
    fn slots_and_brackets() {
        let title = "executor {executor}[ on {host}] was over its limit[ ({used} of {limit})]";
        let all = [("executor", "5"), ("host", "10.0.1.7"), ("used", "12 GB"), ("limit", "11 GB")];
        assert_eq!(with(&all, title).as_deref(), Some("executor 5 on 10.0.1.7 was over its limit (12 GB of 11 GB)"));
        assert_eq!(with(&all[..1], title).as_deref(), Some("executor 5 was over its limit"));
        assert_eq!(with(&all[..3], title).as_deref(), Some("executor 5 on 10.0.1.7 was over its limit"));
        assert_eq!(with(&all[1..], title), None);
    }

    #[test]
    fn brackets_in_brackets_and_broken_titles() {
        let title = "full[ on {host}[ at {path}]]";
        assert_eq!(with(&[("host", "a")], title).as_deref(), Some("full on a"));
        assert_eq!(with(&[("path", "/mnt")], title).as_deref(), Some("full"));
        assert_eq!(with(&[], "no end [ {host"), None);
        assert_eq!(with(&[], "no slot"), Some("no slot".to_owned()));
    }
}
