//! Literals of expressions: texts of which one stands in whatever an expression matches.
//!
//! They are taken out of the expression itself. A list that is typed beside it goes out of date with the first change.

use memchr::memmem;
use regex_syntax::hir::literal::{ExtractKind, Extractor, Seq};
use regex_syntax::hir::{Class, Hir, HirKind};
use std::cell::Cell;
use std::cmp::Reverse;
use std::sync::OnceLock;

/// A literal of fewer bytes would stand in too many lines.
pub const SHORTEST: usize = 4;
/// To how many bytes longer literals are cut, in turn: a beginning finds the same lines, and several may have it in common.
const CUTS: [usize; 3] = [24, 12, ENOUGH];
/// From so many bytes on, fewer literals are better than longer ones.
const ENOUGH: usize = 8;
/// More literals of one expression are no filter any more.
const MOST: usize = 64;

/// What healthy logs are full of. A literal that stands in it would find most lines.
const COMMON: &str = "\
INFO TaskSetManager: Starting task 7.0 in stage 3.0 (TID 19) (ip-10-0-1-2.ec2.internal, executor 4, partition 7, PROCESS_LOCAL, \
9120 bytes) taskResourceAssignments Map()
INFO TaskSetManager: Finished task 7.0 in stage 3.0 (TID 19) in 214 ms on ip-10-0-1-2.ec2.internal (executor 4) (8/200)
INFO TaskSetManager: Starting task 7.0 in stage 3.0 (TID 19, ip-10-0-1-2.ec2.internal, executor 4, partition 7, NODE_LOCAL, 9120 bytes)
INFO Executor: Running task 7.0 in stage 3.0 (TID 19)
INFO Executor: Finished task 7.0 in stage 3.0 (TID 19). 2213 bytes result sent to driver
INFO BlockManagerInfo: Added broadcast_3_piece0 in memory on ip-10-0-1-2.ec2.internal:39315 (size: 12.2 KiB, free: 2.1 GiB)
INFO BlockManagerInfo: Removed broadcast_3_piece0 on ip-10-0-1-2.ec2.internal:39315 in memory (size: 12.2 KiB, free: 2.1 GiB)
INFO MemoryStore: Block broadcast_3 stored as values in memory (estimated size 12.2 KiB, free 2.1 GiB)
INFO DAGScheduler: Submitting 200 missing tasks from ShuffleMapStage 3 (MapPartitionsRDD[12] at parquet at Job.scala:40)
INFO DAGScheduler: ShuffleMapStage 3 (parquet at Job.scala:40) finished in 2.214 s
INFO ShuffleBlockFetcherIterator: Getting 20 (1.2 MiB) non-empty blocks including 3 (12.3 KiB) local and 0 (0.0 B) host-local
INFO FileScanRDD: Reading File path: s3://bucket/key/part-0.snappy.parquet, range: 0-1024, partition values: [empty row]
INFO PythonRunner: Times: total = 41, boot = -100, init = 140, finish = 1
INFO ContainerImpl: Container container_1_1_01_000001 transitioned from LOCALIZING to SCHEDULED
INFO Client: Application report for application_1_1 (state: RUNNING)
INFO ExecutorAllocationManager: Requesting 4 new executors because tasks are backlogged
INFO MapOutputTrackerMasterEndpoint: Asked to send map output locations for shuffle 8 to 10.0.1.2:39315
";

/// The literals of an expression, in small letters: each line that it matches has one of them, in small or capital letters.
///
/// # Errors
/// It is no expression, or there are no such literals of four bytes or more.
pub(super) fn literals(re: &str) -> Result<Vec<Vec<u8>>, String> {
    let none = || {
        format!("no text of {SHORTEST} bytes or more stands in all that it matches: it would be tried on every line")
    };
    required(&folded(&parsed(re)?)).ok_or_else(none)
}

/// The same in the very letters that the expression wants, for what is not able to ignore them. Where it wants either of many
/// letters, shorter ones.
///
/// # Errors
/// As [`literals`].
pub(super) fn exact_literals(re: &str) -> Result<Vec<Vec<u8>>, String> {
    let short = sorted(literals(re)?.into_iter().map(|text| text[..SHORTEST].to_vec()));
    let spelled = sorted(short.iter().flat_map(|text| spellings(text)));
    Ok(required(&parsed(re)?).filter(|found| found.len() <= spelled.len()).unwrap_or(spelled))
}

/// A text in small and capital letters, in every way.
fn spellings(text: &[u8]) -> Vec<Vec<u8>> {
    text.iter().fold(vec![Vec::new()], |ways, byte| {
        let letters = sorted([vec![byte.to_ascii_lowercase()], vec![byte.to_ascii_uppercase()]].into_iter());
        ways.iter().flat_map(|way| letters.iter().map(|letter| [way, &letter[..]].concat())).collect()
    })
}

/// The expression in small letters: what matches either letter matches the small one, and what matches a capital one too.
fn folded(hir: &Hir) -> Hir {
    match hir.kind() {
        HirKind::Literal(literal) => Hir::literal(literal.0.to_ascii_lowercase()),
        HirKind::Class(class) => {
            let mut bytes = class_bytes(class);
            bytes.make_ascii_lowercase();
            bytes.dedup();
            match bytes[..] {
                [byte] => Hir::literal([byte]),
                [first, second] if first == second => Hir::literal([first]),
                _ => hir.clone(),
            }
        }
        HirKind::Capture(capture) => folded(&capture.sub),
        HirKind::Repetition(repetition) => {
            let sub = Box::new(folded(&repetition.sub));
            Hir::repetition(regex_syntax::hir::Repetition { sub, ..repetition.clone() })
        }
        HirKind::Concat(parts) => Hir::concat(parts.iter().map(folded).collect()),
        HirKind::Alternation(parts) => Hir::alternation(parts.iter().map(folded).collect()),
        HirKind::Empty | HirKind::Look(_) => hir.clone(),
    }
}

/// The bytes of a class of few; of a larger one, none.
fn class_bytes(class: &Class) -> Vec<u8> {
    match class {
        Class::Bytes(class) if class.ranges().iter().all(|range| range.start() == range.end()) => {
            class.ranges().iter().map(|range| range.start()).collect()
        }
        _ => Vec::new(),
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
    let best: Cell<Option<(Worth, Vec<Vec<u8>>)>> = Cell::new(None);
    let offer = |found: Option<Vec<Vec<u8>>>| {
        let Some(found) = found else { return };
        let before = best.take();
        // Whether it is rare is only asked where it could win.
        let worth = worth(&found, before.as_ref().map(|(worth, _)| *worth));
        let wins = before.as_ref().is_none_or(|(best, _)| worth > *best);
        best.set(if wins { Some((worth, found)) } else { before });
    };
    let is_enough = || {
        let now = best.take();
        let enough = now
            .as_ref()
            .is_some_and(|((is_rare, shortest, count, _), _)| *is_rare && *shortest == ENOUGH && count.0 == 1);
        best.set(now);
        enough
    };
    let prefixes = |hir: &Hir| extractor().extract(hir);
    usable(prefixes(hir)).for_each(offer);
    if is_enough() {
        return best.take().map(|(_, found)| found);
    }
    usable(extractor().kind(ExtractKind::Suffix).extract(hir)).for_each(offer);
    match hir.kind() {
        HirKind::Concat(parts) => {
            for (at, part) in parts.iter().enumerate().skip(1) {
                if is_enough() {
                    break;
                }
                if matches!(part.kind(), HirKind::Literal(_) | HirKind::Alternation(_) | HirKind::Class(_)) {
                    usable(prefixes(&Hir::concat(parts[at..].to_vec()))).for_each(offer);
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
    best.take().map(|(_, found)| found)
}

/// Whether all are rare; how long the shortest is, up to what is enough; then fewer, then longer.
type Worth = (bool, usize, Reverse<usize>, usize);

fn worth(found: &[Vec<u8>], best: Option<Worth>) -> Worth {
    let shortest = found.iter().map(Vec::len).min().unwrap_or_default();
    let (enough, fewer) = (shortest.min(ENOUGH), Reverse(found.len()));
    let cannot_win = best.is_some_and(|best| best >= (true, enough, fewer, shortest));
    (!cannot_win && found.iter().all(|text| is_rare(text)), enough, fewer, shortest)
}

/// Whether a text does not stand in what healthy logs are full of.
fn is_rare(text: &[u8]) -> bool {
    static FOLDED: OnceLock<Vec<u8>> = OnceLock::new();
    let common = FOLDED.get_or_init(|| COMMON.to_ascii_lowercase().into_bytes());
    memmem::find(common, &text.to_ascii_lowercase()).is_none()
}

/// The shortest beginning of a literal that is enough to be looked for.
pub(super) fn beginning(text: &[u8]) -> &[u8] {
    let enough = (ENOUGH..text.len()).find(|length| is_rare(&text[..*length]));
    &text[..enough.unwrap_or(text.len())]
}

/// An extractor that does not write out the digits: ten literals that differ in one are no better than one without it.
fn extractor() -> Extractor {
    let mut extractor = Extractor::new();
    extractor.limit_class(4);
    extractor
}

/// What an extractor found, cut to several lengths, where it is fit to be looked for.
fn usable(seq: Seq) -> impl Iterator<Item = Option<Vec<Vec<u8>>>> {
    let texts: Vec<Vec<u8>> =
        seq.literals().unwrap_or_default().iter().map(|literal| literal.as_bytes().to_vec()).collect();
    let is_usable = !texts.is_empty() && texts.iter().all(|text| text.len() >= SHORTEST);
    CUTS.into_iter().filter(move |_| is_usable).map(move |most| {
        let found = sorted(texts.iter().map(|text| text[..text.len().min(most)].to_vec()));
        (found.len() <= MOST).then_some(found)
    })
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
        assert_eq!(of(r"Container killed by YARN for exceeding .* limits"), ["container killed by yarn"]);
        assert_eq!(of(r"\d+/\d+ local-dirs usable space is below"), [" local-dirs usable space"]);
        assert_eq!(of(r"(?P<n>\d+) (?:apples|pears) were eaten"), [" were eaten"]);
        assert_eq!(of(r"(?:first thing|second thing).*x"), ["first thing", "second thing"]);
        assert_eq!(of(r"^\[(?:CAST_INVALID|DIVIDE_BY_ZERO)"), ["[cast_invalid", "[divide_by_zero"]);
        // Either letter is one literal where letters are alike, and several spellings of a short one where they are not.
        assert_eq!(of("(?i)spot termination notice"), ["spot termination notice"]);
        assert_eq!(of("[Tt]he driver (?:ran|is)"), ["the driv"]);
        assert_eq!(exact_literals("(?i)spot termination").unwrap().len(), 16);
        assert!(exact_literals("Spot (?i:termination)").unwrap().iter().all(|text| text.starts_with(b"Spot ")));
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
            let (Ok(found), Ok(exact)) = (literals(&re), exact_literals(&re)) else { return Ok(()) };
            let regex = regex::bytes::RegexBuilder::new(&re).unicode(false).build().unwrap();
            if regex.is_match(line.as_bytes()) {
                let has = |line: &str, found: &[Vec<u8>]| found.iter().any(|text| memchr::memmem::find(line.as_bytes(), text).is_some());
                prop_assert!(has(&line.to_ascii_lowercase(), &found), "{re}: {line}");
                prop_assert!(has(&line, &exact), "{re}: {line}");
            }
        }
    }
}
