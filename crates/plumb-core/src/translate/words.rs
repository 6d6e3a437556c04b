//! The words of a command line, as a POSIX shell splits them.

/// Why a text is not one simple command.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotSimple {
    /// It ends inside quotes or behind a backslash.
    #[error("a quote is not closed")]
    Open,
    /// A shell would do more than run one command with these words.
    #[error("`{0}` needs a shell")]
    Shell(char),
}

/// Splits a text into words: blanks separate, quotes and backslashes hold together.
///
/// With `strict`, whatever a shell would expand or act on (`$`, `|`, `;`, `*` …) outside single quotes is refused.
/// Without it, such characters are ordinary: EMR Serverless splits `sparkSubmitParameters` this way and runs no shell.
pub fn split(text: &str, strict: bool) -> Result<Vec<String>, NotSimple> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\'' => {
                let inside = word.get_or_insert_default();
                loop {
                    match chars.next() {
                        Some('\'') => break,
                        Some(c) => inside.push(c),
                        None => return Err(NotSimple::Open),
                    }
                }
            }
            '"' => {
                let inside = word.get_or_insert_default();
                loop {
                    match chars.next() {
                        Some('"') => break,
                        Some('\\') => match chars.next() {
                            // Elsewhere between double quotes a backslash stands for itself.
                            Some(c @ ('"' | '\\' | '$' | '`')) => inside.push(c),
                            Some('\n') => {}
                            Some(c) => inside.extend(['\\', c]),
                            None => return Err(NotSimple::Open),
                        },
                        Some(c @ ('$' | '`')) if strict => return Err(NotSimple::Shell(c)),
                        Some(c) => inside.push(c),
                        None => return Err(NotSimple::Open),
                    }
                }
            }
            '\\' => match chars.next() {
                Some('\n') => {}
                Some(c) => word.get_or_insert_default().push(c),
                None => return Err(NotSimple::Open),
            },
            // A line break around the command is a blank; inside, it ends one command and starts another.
            '\n' if strict => {
                words.extend(word.take());
                if !words.is_empty() && !chars.clone().all(char::is_whitespace) {
                    return Err(NotSimple::Shell('\n'));
                }
            }
            c if c.is_whitespace() => words.extend(word.take()),
            '$' | '`' | '|' | '&' | ';' | '<' | '>' | '(' | ')' | '*' | '?' if strict => {
                return Err(NotSimple::Shell(c));
            }
            '#' if strict && word.is_none() => return Err(NotSimple::Shell(c)),
            c => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    Ok(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn splits_as_a_shell() {
        let words = |text: &str| split(text, true).unwrap();
        assert_eq!(words(" a 'b c' \"d \\\" e\" f\\ g '' h\\\n i "), ["a", "b c", "d \" e", "f g", "", "h", "i"]);
        assert_eq!(words("--conf \"k=v w\"x"), ["--conf", "k=v wx"]);
        assert!(words("").is_empty());
        assert_eq!(split("a $b|c", false).unwrap(), ["a", "$b|c"]);
        assert_eq!(split("'a", false), Err(NotSimple::Open));
        for text in ["a | b", "a; b", "a && b", "echo $X", "a\nb", "echo \"`date`\"", "ls *.py", "# a"] {
            assert!(matches!(split(text, true), Err(NotSimple::Shell(_))), "{text}");
        }
    }
}
