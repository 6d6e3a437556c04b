//! Titles: sentences with slots, `{executor}`, and parts in brackets that are left out where a slot of theirs is not known.

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

#[cfg(test)]
mod tests {
    use super::*;

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
