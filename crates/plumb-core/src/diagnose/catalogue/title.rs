//! Titles: sentences with slots, `{executor}`, and parts in brackets that are left out where a slot of theirs is not known.

use super::FailureClass;

/// Fills a title. A part in brackets is left out where a slot in it is not known; `None` where one outside of brackets is not,
/// or the title is not well formed.
pub fn filled(title: &str, slot: &dyn Fn(&str) -> Option<String>) -> Option<String> {
    let mut out = String::new();
    for (text, optional) in parts(title).ok()? {
        match (filled_part(text, slot), optional) {
            (Some(text), _) => out.push_str(&text),
            (None, true) => {}
            (None, false) => return None,
        }
    }
    Some(out)
}

impl FailureClass {
    /// The sentence of a verdict, with the names of this run; without them, what the class says in general.
    pub fn title_with(&self, slot: &dyn Fn(&str) -> Option<String>) -> String {
        filled(&self.title, slot).unwrap_or_else(|| self.says.clone())
    }
}

/// What is wrong with a title, if anything is.
pub(super) fn check(title: &str) -> Result<(), String> {
    for (text, _) in parts(title)? {
        let mut rest = text;
        while let Some(at) = rest.find(['{', '}']) {
            let inner = rest[at..].strip_prefix('{').ok_or("a `}` without its `{`")?;
            let (name, behind) = inner.split_once('}').ok_or("a `{` without its `}`")?;
            let is_name = !name.is_empty() && name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
            if !is_name {
                return Err(format!("`{{{name}}}` is no slot: a slot is a word in small letters"));
            }
            rest = behind;
        }
    }
    Ok(())
}

/// The parts of a title in order, each with whether it is in brackets.
fn parts(title: &str) -> Result<Vec<(&str, bool)>, String> {
    let mut parts = Vec::new();
    let mut rest = title;
    while let Some(at) = rest.find(['[', ']']) {
        let inner = rest[at..].strip_prefix('[').ok_or("a `]` without its `[`")?;
        let (optional, behind) = inner.split_once(']').ok_or("a `[` without its `]`")?;
        if optional.contains('[') {
            return Err("brackets inside of brackets".to_owned());
        }
        if !optional.contains('{') {
            return Err(format!("`[{optional}]` has no slot: it would always stand there"));
        }
        parts.push((&rest[..at], false));
        parts.push((optional, true));
        rest = behind;
    }
    parts.push((rest, false));
    Ok(parts)
}

fn filled_part(text: &str, slot: &dyn Fn(&str) -> Option<String>) -> Option<String> {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, inner)) = rest.split_once('{') {
        let (name, behind) = inner.split_once('}')?;
        out.push_str(before);
        out.push_str(&slot(name).filter(|value| !value.is_empty())?);
        rest = behind;
    }
    out.push_str(rest);
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_known_is_left_out() {
        let title = "executor {executor}[ on {host}] was over its limit[ ({used} of {limit})]";
        let with = |known: &'static [(&'static str, &'static str)]| {
            filled(title, &|name| known.iter().find(|(slot, _)| *slot == name).map(|(_, value)| (*value).to_owned()))
        };
        assert_eq!(
            with(&[("executor", "5"), ("host", "a"), ("used", "1"), ("limit", "2")]).as_deref(),
            Some("executor 5 on a was over its limit (1 of 2)")
        );
        assert_eq!(with(&[("executor", "5"), ("used", "1")]).as_deref(), Some("executor 5 was over its limit"));
        assert_eq!(with(&[("host", "a")]), None);
        assert_eq!(filled("plain", &|_| None).as_deref(), Some("plain"));
    }

    #[test]
    fn what_is_not_well_formed_is_told() {
        for (title, why) in [
            ("a [b", "a `[` without its `]`"),
            ("a b]", "a `]` without its `[`"),
            ("a {b", "a `{` without its `}`"),
            ("a b}", "a `}` without its `{`"),
            ("a {B c}", "`{B c}` is no slot: a slot is a word in small letters"),
            ("a [ {b}[ {c}]]", "brackets inside of brackets"),
            ("a [b]", "`[b]` has no slot: it would always stand there"),
        ] {
            assert_eq!(check(title), Err(why.to_owned()), "{title}");
        }
        assert_eq!(check("a {b}[ on {c}]"), Ok(()));
    }
}
