//! Literals of expressions: texts of which one stands in whatever an expression matches.
//!
//! They are taken out of the expression itself. A list that is typed beside it goes out of date with the first change.

use regex_syntax::hir::literal::{ExtractKind, Extractor, Seq};
use regex_syntax::hir::{Hir, HirKind};

/// A literal of fewer bytes would stand in too many lines.
pub const SHORTEST: usize = 4;
/// A longer literal is cut: its beginning finds the same lines.
const LONGEST: usize = 24;
/// More literals of one expression are no filter any more.
const MOST: usize = 64;

/// The literals of an expression: each line that it matches has one of them. Small and capital letters as the expression wants
/// them; both where it wants either.
///
/// # Errors
/// It is no expression, or there are no such literals of four bytes or more.
pub(super) fn literals(re: &str) -> Result<Vec<Vec<u8>>, String> {
    let hir = parsed(re)?;
    match required(&hir) {
        Some(found) => Ok(found),
        None => Err(format!(
            "no text of {SHORTEST} bytes or more stands in all that it matches: it would be tried on every line"
        )),
    }
}

/// Parses an expression the way in which it is matched: over bytes, without Unicode.
fn parsed(re: &str) -> Result<Hir, String> {
    let mut parser = regex_syntax::ParserBuilder::new().unicode(false).utf8(false).build();
    parser.parse(re).map_err(|error| {
        let text = error.to_string();
        let last = text.lines().last().unwrap_or_default().trim_start_matches("error: ");
        format!("not a regular expression: {last}")
    })
}

fn required(hir: &Hir) -> Option<Vec<Vec<u8>>> {
    let mut best: Option<Vec<Vec<u8>>> = None;
    let mut offer = |found: Option<Vec<Vec<u8>>>| {
        if let Some(found) = found
            && best.as_ref().is_none_or(|best| worth(&found) > worth(best))
        {
            best = Some(found);
        }
    };
    offer(usable(&Extractor::new().extract(hir)));
    offer(usable(Extractor::new().kind(ExtractKind::Suffix).extract(hir)));
    match hir.kind() {
        HirKind::Concat(parts) => {
            for (at, part) in parts.iter().enumerate().skip(1) {
                if matches!(part.kind(), HirKind::Literal(_) | HirKind::Alternation(_) | HirKind::Class(_)) {
                    offer(usable(&Extractor::new().extract(&Hir::concat(parts[at..].to_vec()))));
                }
            }
            for part in parts {
                offer(required(part));
            }
        }
        HirKind::Capture(capture) => offer(required(&capture.sub)),
        HirKind::Repetition(repetition) if repetition.min > 0 => offer(required(&repetition.sub)),
        HirKind::Alternation(parts) => {
            let all: Option<Vec<Vec<Vec<u8>>>> = parts.iter().map(required).collect();
            offer(all.map(|all| sorted(all.into_iter().flatten())).filter(|all| all.len() <= MOST));
        }
        _ => {}
    }
    best
}

/// Longer ones first: of the shortest one, up to twelve bytes; then fewer; then longer still.
fn worth(found: &[Vec<u8>]) -> (usize, std::cmp::Reverse<usize>, usize) {
    let shortest = found.iter().map(Vec::len).min().unwrap_or_default();
    (shortest.min(12), std::cmp::Reverse(found.len()), shortest)
}

fn usable(seq: impl std::borrow::Borrow<Seq>) -> Option<Vec<Vec<u8>>> {
    let found = seq.borrow().literals()?;
    let cut = found.iter().map(|literal| literal.as_bytes()[..literal.len().min(LONGEST)].to_vec());
    let found = sorted(cut);
    let is_usable = !found.is_empty() && found.len() <= MOST && found.iter().all(|text| text.len() >= SHORTEST);
    is_usable.then_some(found)
}

fn sorted(found: impl Iterator<Item = Vec<u8>>) -> Vec<Vec<u8>> {
    let mut found: Vec<Vec<u8>> = found.collect();
    found.sort();
    found.dedup();
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn of(re: &str) -> Vec<String> {
        literals(re).unwrap().into_iter().map(|text| String::from_utf8(text).unwrap()).collect()
    }

    #[test]
    fn the_best_part_is_chosen() {
        assert_eq!(of(r"Container killed by YARN for exceeding .* limits"), ["Container killed by YARN"]);
        assert_eq!(of(r"\d+/\d+ local-dirs usable space is below"), [" local-dirs usable space"]);
        assert_eq!(of(r"(?P<n>\d+) (?:apples|pears) were eaten"), [" apples were eaten", " pears were eaten"]);
        assert_eq!(of(r"(?:first thing|second thing).*x"), ["first thing", "second thing"]);
        assert_eq!(of(r"^\[(?:CAST_INVALID|DIVIDE_BY_ZERO)"), ["[CAST_INVALID", "[DIVIDE_BY_ZERO"]);
        // The bytes are told apart by small and capital letters here, and not where they are looked for.
        assert!(of("(?i)spot termination").len() <= 64);
    }

    #[test]
    fn what_has_none_is_refused() {
        for re in [r"\d+", r"abc", r".*", r"(?:long enough|no)", r"x*y*", r"(?:long enough)?"] {
            assert!(literals(re).is_err(), "{re}");
        }
        assert!(literals("(").unwrap_err().starts_with("not a regular expression: "));
    }

    proptest! {
        /// Whatever an expression matches has one of its literals.
        #[test]
        fn a_match_has_a_literal(
            parts in proptest::collection::vec(prop_oneof![
                Just(r"\d+".to_owned()), Just(".*".to_owned()), Just("(?:left|right)".to_owned()),
                Just("(?i:Some)".to_owned()), Just("(?:opt)?".to_owned()), "[a-f]{4,9}", Just(r"(?P<x>\w+)".to_owned()),
            ], 1..6),
            line in "(left|right|some|SOME|opt|[a-f]{4}|[0-9]| ){0,12}",
        ) {
            let re = parts.concat();
            let Ok(found) = literals(&re) else { return Ok(()) };
            let regex = regex::bytes::RegexBuilder::new(&re).unicode(false).build().unwrap();
            if regex.is_match(line.as_bytes()) {
                prop_assert!(found.iter().any(|text| memchr::memmem::find(line.as_bytes(), text).is_some()), "{re}: {line}");
            }
        }
    }
}
