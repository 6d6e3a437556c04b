//! Finding the patterns of a catalogue in lines: literals first, expressions only where a literal of theirs stands.

use super::literals::{beginning, exact_literals, literals};
use super::{CatalogueError, FailureClass};
use crate::logs::FileKind;
use aho_corasick::automaton::Automaton;
use aho_corasick::{Anchored, dfa, packed};
use regex::bytes::{Regex, RegexBuilder};
use std::cell::RefCell;
use std::sync::OnceLock;

/// How much memory the states of one expression may take while it is matched, in bytes. There are hundreds of them, and a
/// thread has its own.
const MOST_STATES: usize = 128 << 10;

/// What one search by vectors takes: it is that of Teddy.
const MOST_GATE: usize = 64;

/// What finds patterns in lines.
pub struct Matcher {
    patterns: Vec<CompiledPattern>,
    /// Over the literals of all patterns, small and capital letters alike.
    all: LiteralFinder,
    /// Over those of the patterns that INFO lines can say.
    info: LiteralFinder,
    /// Whether a line has one of the latter: most lines are INFO, and only asked this. `None` where vectors cannot tell.
    gate: Option<Vec<packed::Searcher>>,
}

/// A pattern that matched.
#[derive(Clone, Debug, PartialEq)]
pub struct Matched {
    /// The index of the class, and of the pattern in it.
    pub class: usize,
    pub pattern: usize,
    pub slots: Vec<(String, String)>,
}

struct CompiledPattern {
    class: usize,
    pattern: usize,
    text: String,
    /// Compiled when a literal of it is first seen: most never are.
    re: OnceLock<Option<Regex>>,
    /// A bit for each kind of file.
    kinds: u32,
}

impl CompiledPattern {
    fn regex(&self) -> Option<&Regex> {
        self.re.get_or_init(|| regex_of(&self.text).ok()).as_ref()
    }
}

/// Compiles an expression the way in which it is matched.
pub(super) fn regex_of(re: &str) -> Result<Regex, regex::Error> {
    RegexBuilder::new(re).unicode(false).dfa_size_limit(MOST_STATES).build()
}

/// Literals, and which patterns each of them belongs to.
struct LiteralFinder {
    automaton: Option<dfa::DFA>,
    /// By literal: patterns.
    of: Vec<Vec<u32>>,
}

impl LiteralFinder {
    /// `found`: literals in small letters, with the pattern of each.
    fn new(found: Vec<(Vec<u8>, u32)>) -> Result<LiteralFinder, String> {
        // A small automaton stays in the cache.
        let mut found: Vec<(Vec<u8>, u32)> =
            found.into_iter().map(|(text, id)| (beginning(&text).to_vec(), id)).collect();
        found.sort();
        found.dedup();
        let mut texts: Vec<Vec<u8>> = Vec::new();
        let mut of: Vec<Vec<u32>> = Vec::new();
        for (text, pattern) in found {
            if texts.last() != Some(&text) {
                texts.push(text);
                of.push(Vec::new());
            }
            if let Some(last) = of.last_mut() {
                last.push(pattern);
            }
        }
        if texts.is_empty() {
            return Ok(LiteralFinder { automaton: None, of });
        }
        let built = dfa::Builder::new().ascii_case_insensitive(true).prefilter(false).build(&texts);
        Ok(LiteralFinder { automaton: Some(built.map_err(|e| e.to_string())?), of })
    }

    /// The patterns of which a literal stands in a line, in order.
    fn candidates(&self, line: &[u8], found: &mut Vec<u32>) {
        let Some(automaton) = &self.automaton else { return };
        let Ok(mut state) = automaton.start_state(Anchored::No) else { return };
        for byte in line {
            state = automaton.next_state(Anchored::No, state, *byte);
            if automaton.is_special(state) && automaton.is_match(state) {
                for at in 0..automaton.match_len(state) {
                    let literal = automaton.match_pattern(state, at);
                    for pattern in &self.of[literal.as_usize()] {
                        // A long line can repeat a literal a hundred thousand times.
                        if !found.contains(pattern) {
                            found.push(*pattern);
                        }
                    }
                }
            }
        }
        found.sort_unstable();
    }
}

impl Matcher {
    pub(super) fn new(classes: &[FailureClass]) -> Result<Matcher, CatalogueError> {
        let mut patterns = Vec::new();
        let (mut all, mut info, mut exact) = (Vec::new(), Vec::new(), Vec::new());
        let mut wrong = Vec::new();
        for (class_at, class) in classes.iter().enumerate() {
            for (at, pattern) in class.patterns.iter().enumerate() {
                let id = patterns.len() as u32;
                match literals(&pattern.re) {
                    Ok(found) => {
                        if pattern.info {
                            info.extend(found.iter().map(|text| (text.clone(), id)));
                            exact.extend(exact_literals(&pattern.re).unwrap_or_default());
                        }
                        all.extend(found.into_iter().map(|text| (text, id)));
                    }
                    Err(why) => wrong.push(format!("{}: {}: {why}", class.name, pattern.re)),
                }
                patterns.push(CompiledPattern {
                    class: class_at,
                    pattern: at,
                    text: pattern.re.clone(),
                    re: OnceLock::new(),
                    kinds: kinds_of(&pattern.only_in, &pattern.not_in),
                });
            }
        }
        if !wrong.is_empty() {
            return Err(CatalogueError(wrong));
        }
        let built = |found| LiteralFinder::new(found).map_err(|why| CatalogueError(vec![why]));
        Ok(Matcher { patterns, all: built(all)?, info: built(info)?, gate: gate_of(&exact) })
    }

    /// The patterns that match a line of such a file, in the catalogue's order. `info`: the line's head says INFO or less, and
    /// only what INFO lines can say is looked for.
    pub fn matches(&self, line: &[u8], kind: FileKind, info: bool) -> Vec<Matched> {
        thread_local! {
            /// Room for the candidates of a line, kept from line to line.
            static FOUND: RefCell<Vec<u32>> = const { RefCell::new(Vec::new()) };
        }
        if info && self.gate.as_ref().is_some_and(|gate| gate.iter().all(|part| part.find(line).is_none())) {
            return Vec::new();
        }
        FOUND.with_borrow_mut(|found| {
            found.clear();
            if info { &self.info } else { &self.all }.candidates(line, found);
            let bit = bit_of(kind);
            let candidates = found.iter().filter_map(|id| self.patterns.get(*id as usize));
            candidates.filter(|pattern| pattern.kinds & bit != 0).filter_map(|pattern| matched(pattern, line)).collect()
        })
    }
}

/// Searchers of which one finds something in a line that has one of the literals.
fn gate_of(exact: &[Vec<u8>]) -> Option<Vec<packed::Searcher>> {
    let mut exact: Vec<Vec<u8>> = exact.iter().map(|text| beginning(text).to_vec()).collect();
    exact.sort();
    exact.dedup();
    exact.chunks(MOST_GATE).map(|part| packed::Config::new().builder().extend(part).build()).collect()
}

#[cfg(test)]
thread_local! {
    /// How many expressions were tried, and on how many bytes: tests count work and not time.
    pub(crate) static TRIED: std::cell::Cell<(u64, u64)> = const { std::cell::Cell::new((0, 0)) };
}

fn matched(pattern: &CompiledPattern, line: &[u8]) -> Option<Matched> {
    #[cfg(test)]
    TRIED.with(|tried| tried.set((tried.get().0 + 1, tried.get().1 + line.len() as u64)));
    let regex = pattern.regex()?;
    let caught = if regex.captures_len() > 1 { Some(regex.captures(line)?) } else { None };
    if caught.is_none() && !regex.is_match(line) {
        return None;
    }
    let mut slots = Vec::new();
    for name in regex.capture_names().flatten() {
        if let Some(text) = caught.as_ref().and_then(|caught| caught.name(name)) {
            slots.push((name.to_owned(), String::from_utf8_lossy(text.as_bytes()).into_owned()));
        }
    }
    Some(Matched { class: pattern.class, pattern: pattern.pattern, slots })
}

fn bit_of(kind: FileKind) -> u32 {
    1 << kind as u32
}

/// The kinds of file that a pattern is looked for in. What is not known to be of a kind may be of any.
fn kinds_of(only_in: &[FileKind], not_in: &[FileKind]) -> u32 {
    let bits = |kinds: &[FileKind]| kinds.iter().fold(0, |bits, kind| bits | bit_of(*kind));
    let only = if only_in.is_empty() { u32::MAX } else { bits(only_in) | bit_of(FileKind::Unknown) };
    only & !bits(not_in)
}

#[cfg(test)]
#[path = "matcher_tests.rs"]
mod tests;
