//! The notation of references inside strings: `${var.name}`, and `$${` for a literal `${`.

/// A part of a string.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Piece<'t> {
    Text(&'t str),
    /// A literal `${`, and where in the string what follows it begins.
    Escaped(usize),
    Reference(Reference<'t>),
}

/// What stands between `${` and `}`.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Reference<'t> {
    /// With `${` and `}`.
    pub whole: &'t str,
    pub text: &'t str,
    /// At most four: the last of `resources.KIND.NAME.FIELD` may itself have dots.
    pub parts: Vec<&'t str>,
}

/// A reference that cannot be read.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Mistake {
    pub message: String,
    pub label: &'static str,
}

/// Takes a string apart.
pub(super) fn pieces(text: &str) -> Result<Vec<Piece<'_>>, Mistake> {
    let mut out = Vec::new();
    let mut done = 0;
    while let Some(found) = text[done..].find("${") {
        let at = done + found;
        let escaped = at > done && text.as_bytes()[at - 1] == b'$';
        let before = &text[done..if escaped { at - 1 } else { at }];
        if !before.is_empty() {
            out.push(Piece::Text(before));
        }
        let inner = at + 2;
        if escaped {
            out.push(Piece::Escaped(inner));
            done = inner;
            continue;
        }
        let Some(length) = text[inner..].find('}') else {
            return Err(Mistake { message: "a `${` is not closed".to_owned(), label: "a `}` is missing" });
        };
        let reference = &text[inner..inner + length];
        let parts: Vec<&str> = reference.splitn(4, '.').collect();
        if reference.contains("${") || reference.chars().any(char::is_whitespace) || parts.contains(&"") {
            let short: String = reference.chars().take(60).collect();
            return Err(Mistake {
                message: format!("`${{{short}}}` is not a reference"),
                label: "expected names with dots between them",
            });
        }
        out.push(Piece::Reference(Reference { whole: &text[at..=inner + length], text: reference, parts }));
        done = inner + length + 1;
    }
    if done < text.len() {
        out.push(Piece::Text(&text[done..]));
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_strings_apart() {
        let reference = |whole: &'static str, parts: &[&'static str]| {
            Piece::Reference(Reference { whole, text: &whole[2..whole.len() - 1], parts: parts.to_vec() })
        };
        assert_eq!(
            pieces("a ${var.x}$${b} ${resources.K.n.a.b} {{c}} $d"),
            Ok(vec![
                Piece::Text("a "),
                reference("${var.x}", &["var", "x"]),
                Piece::Escaped(13),
                Piece::Text("b} "),
                reference("${resources.K.n.a.b}", &["resources", "K", "n", "a.b"]),
                Piece::Text(" {{c}} $d"),
            ])
        );
        assert_eq!(pieces("plain"), Ok(vec![Piece::Text("plain")]));
        for bad in ["${", "${}", "${a", "${a..b}", "${a b}", "${a${b}}"] {
            assert!(pieces(bad).is_err(), "{bad}");
        }
    }
}
