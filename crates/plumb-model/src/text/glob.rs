//! Patterns with `*`.

/// Whether a text is what a pattern says, in which `*` stands for any characters. Linear: each part is looked for once.
pub fn glob(pattern: &str, text: &str) -> bool {
    let Some((head, rest)) = pattern.split_once('*') else { return pattern == text };
    let Some(mut text) = text.strip_prefix(head) else { return false };
    let mut parts: Vec<&str> = rest.split('*').collect();
    let last = parts.pop().unwrap_or_default();
    // Each part at its first place leaves the most room for those behind it.
    for part in parts {
        match text.find(part) {
            Some(at) => text = &text[at + part.len()..],
            None => return false,
        }
    }
    text.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_star_stands_for_any_text() {
        for (pattern, text) in [
            ("", ""),
            ("*", ""),
            ("a", "a"),
            ("a*", "a"),
            ("*b", "aab"),
            ("a*b*c", "axbxbxc"),
            ("/api/2.*/jobs/create", "/api/2.2/jobs/create"),
            ("/api/*/jobs/*", "/api/2.2/jobs/runs/get"),
        ] {
            assert!(glob(pattern, text), "{pattern} {text}");
        }
        for (pattern, text) in [
            ("", "a"),
            ("a", ""),
            ("a*a", "a"),
            ("a*b", "ba"),
            ("ab*bc", "abc"),
            ("/api/*/jobs", "/api/2.2/jobs/create"),
        ] {
            assert!(!glob(pattern, text), "{pattern} {text}");
        }
    }

    /// What a pattern means, by trying everything.
    fn by_trying(pattern: &[char], text: &[char]) -> bool {
        match pattern.split_first() {
            None => text.is_empty(),
            Some(('*', rest)) => (0..=text.len()).any(|i| by_trying(rest, &text[i..])),
            Some((c, rest)) => text.first() == Some(c) && by_trying(rest, &text[1..]),
        }
    }

    proptest! {
        #[test]
        fn it_is_what_trying_everything_says(pattern in "[ab*]{0,6}", text in "[ab]{0,8}") {
            let chars = |text: &str| text.chars().collect::<Vec<_>>();
            prop_assert_eq!(glob(&pattern, &text), by_trying(&chars(&pattern), &chars(&text)));
        }
    }
}
