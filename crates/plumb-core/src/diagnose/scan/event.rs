//! Events: a line with a head, and those that belong to it. Chains of causes in them, and what the user's own code threw.

use super::FileFindings;
use super::json::{JsonLine, json_line};
use super::keep::ClueKeeper;
use super::subject::{layer_of, relate, relate_place, subject_of};
use super::trace::{
    PythonFrame, Thrown, exception_within, java_exception, leading_exception, own_java_frame, python_exception,
    python_frame,
};
use crate::diagnose::catalogue::{Catalogue, Matched};
use crate::diagnose::clue::{Clue, CluePlace, ClueRole, Layer, MOST_TEXT, Strength};
use crate::diagnose::facts::NameRelation;
use crate::logs::{FileKind, HeadShape, LogLevel, LogPlace, shape_of, time_of};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// The class of an exception of the user's own code, and of one that is not.
const USER_CODE: &str = "USER_CODE";
const EXCEPTION: &str = "EXCEPTION";
/// A class that says that a task failed, and not why.
const TASK_LOST: &str = "TASK_LOST";

const TRACEBACK: &[u8] = b"Traceback (most recent call last)";
/// What stands between the tracebacks of a chain. The first one is the deepest.
const CHAINED: [&[u8]; 2] = [
    b"During handling of the above exception, another exception occurred:",
    b"The above exception was the direct cause of the following exception:",
];

/// How lines end that announce an exception on the next line: BoneCP prints the one that it wraps so.
const ANNOUNCES: [&[u8]; 2] = [b"stack trace below.", b"Original Exception: ------"];

/// Reads the lines of one file.
pub(super) struct EventReader<'c> {
    catalogue: &'c Catalogue,
    file: String,
    place: LogPlace,
    layer: Layer,
    zone: TimeZone,
    keeper: ClueKeeper,
    relations: BTreeSet<NameRelation>,
    /// The number of the line, from 1, and of the event.
    line: u64,
    event: u64,
    head: EventHead,
    stack: Stack,
    first_at: Option<Timestamp>,
}

/// The head of the event that is being read.
#[derive(Default)]
struct EventHead {
    has_head: bool,
    /// INFO or less: of such events only few lines say anything.
    is_info: bool,
    /// It says no level: what a program prints, and not what it logs.
    is_print: bool,
    time: HeadTime,
}

/// The time of the last head that has one, read when somebody wants it.
struct HeadTime {
    bytes: [u8; 40],
    length: usize,
    read: Option<Option<Timestamp>>,
}

/// Where in a stack a line is.
#[derive(Default)]
struct Stack {
    /// How many exceptions of a chained traceback came before, and how deep in causes the present one is.
    part: u32,
    depth: u32,
    /// In a Python traceback, before its last line; in a notebook's, with the exception that it will end with.
    in_python: bool,
    notebook: Option<Vec<u8>>,
    /// What comes next is chained, or belongs to what was said.
    is_chained: bool,
    goes_on: bool,
    /// The driver's own stack, behind that of the task which failed.
    in_driver: bool,
    has_frames: bool,
    /// The last frame of the user's own in the traceback that is being read, and the first in the event.
    python_frame: Option<String>,
    outer_frame: Option<String>,
    current: Option<SeenException>,
    deepest: Option<SeenException>,
}

struct SeenException {
    thrown: Thrown,
    part: u32,
    depth: u32,
    line: u64,
    text: String,
    frame: Option<String>,
    is_python: bool,
}

/// What `onFailure: diagnose` begins each of its lines in a task's log with: they quote what other logs say.
const OWN: &[u8] = b"plumb | ";

/// Whether a message quotes an earlier diagnosis. In JSON, the message is the whole line.
fn is_own(message: &[u8]) -> bool {
    memchr::memmem::find(&message[..message.len().min(160)], OWN).is_some()
}

impl SeenException {
    /// Comparable within an event: what comes later in a chained traceback is less deep.
    fn rank(&self) -> i64 {
        i64::from(self.depth) - i64::from(self.part)
    }
}

impl Stack {
    /// Whether anything of a stack was seen.
    fn is_open(&self) -> bool {
        self.in_python || self.current.is_some() || self.deepest.is_some()
    }

    fn settle(&mut self) {
        if let Some(current) = self.current.take()
            && self.deepest.as_ref().is_none_or(|deepest| current.rank() >= deepest.rank())
        {
            self.deepest = Some(current);
        }
    }

    fn threw(&mut self, thrown: Thrown, line: u64, text: &[u8], is_python: bool) {
        self.settle();
        let frame = if is_python { self.python_frame.take() } else { None };
        let (part, depth) = (self.part, self.depth);
        let text = text_of(text, MOST_TEXT);
        self.current = Some(SeenException { thrown, part, depth, line, text, frame, is_python });
        self.in_driver = false;
    }

    /// Goes on to the next exception of a chained traceback, which is less deep.
    fn next_part(&mut self) {
        self.settle();
        self.part += 1;
        self.depth = 0;
    }

    fn java_frame(&mut self, line: &[u8]) {
        self.has_frames = true;
        if self.in_driver && self.outer_frame.is_some() || self.current.as_ref().is_some_and(|c| c.frame.is_some()) {
            return;
        }
        let Some(frame) = own_java_frame(line) else { return };
        if self.outer_frame.is_none() {
            self.outer_frame = Some(frame.clone());
        }
        if let Some(current) = self.current.as_mut().filter(|current| !self.in_driver && !current.is_python) {
            current.frame = Some(frame);
        }
    }

    fn python_opens(&mut self) {
        self.in_python = true;
        self.has_frames = true;
        self.python_frame = None;
    }

    fn python_saw(&mut self, frame: PythonFrame) {
        if let PythonFrame::Own(frame) = frame {
            if self.outer_frame.is_none() {
                self.outer_frame = Some(frame.clone());
            }
            self.python_frame = Some(frame);
        }
    }
}

impl<'c> EventReader<'c> {
    pub(super) fn new(catalogue: &'c Catalogue, file: &str, place: LogPlace, zone: TimeZone) -> EventReader<'c> {
        let mut relations = BTreeSet::new();
        relate_place(&place, &mut relations);
        EventReader {
            catalogue,
            file: file.to_owned(),
            layer: layer_of(&place),
            place,
            zone,
            keeper: ClueKeeper::default(),
            relations,
            line: 0,
            event: 0,
            head: EventHead::default(),
            stack: Stack::default(),
            first_at: None,
        }
    }

    /// Reads the next line.
    pub(super) fn line(&mut self, raw: &[u8]) {
        self.line += 1;
        if raw.starts_with(b"\tat ") {
            if self.stack.is_open() {
                self.stack.java_frame(raw);
            }
            return;
        }
        let line = shown(raw);
        match shape_of(line) {
            Some(shape) => self.headed(line, shape),
            None => self.headless(line),
        }
    }

    fn headed(&mut self, line: &[u8], shape: HeadShape) {
        self.begin_event(true);
        let (from, to) = shape.time;
        if to > from {
            self.head.time.put(&line[from..to]);
            if self.first_at.is_none() {
                self.first_at = self.at();
            }
        }
        self.head.is_info = shape.level.is_some_and(|level| level <= LogLevel::Info);
        self.head.is_print = shape.level.is_none();
        if self.head.is_info {
            let found = self.matched(line, true);
            if found.is_empty() || is_own(&line[shape.message.min(line.len())..]) {
                return;
            }
            match shape.is_json.then(|| json_line(line)).flatten() {
                Some(json) => self.json(&json),
                None => self.clues(found, line),
            }
            return;
        }
        if let Some(json) = shape.is_json.then(|| json_line(line)).flatten() {
            return self.json(&json);
        }
        self.headline(line, &line[shape.message..]);
    }

    /// A line with a head, or the message of one in JSON: it may name an exception, or end with the beginning of a traceback.
    fn headline(&mut self, line: &[u8], message: &[u8]) {
        if let Some(thrown) = exception_within(message) {
            self.stack.threw(thrown, self.line, line, false);
        }
        let found = self.matched(line, self.head.is_info);
        self.clues(found, line);
        self.opens_within(line);
    }

    /// A traceback that begins at the end of a line is one deeper than what the line says.
    fn opens_within(&mut self, line: &[u8]) {
        if line.trim_ascii_end().ends_with(b"Traceback (most recent call last):") {
            self.stack.depth += 1;
            self.stack.python_opens();
        }
    }

    fn json(&mut self, json: &JsonLine) {
        let mut lines = json.event.split('\n');
        if let Some(first) = lines.next() {
            self.headline(first.as_bytes(), first.as_bytes());
        }
        for line in lines {
            self.within(line.as_bytes());
        }
        for thrown in &json.thrown {
            self.stack.depth = thrown.depth;
            self.stack.has_frames |= !thrown.frames.is_empty();
            let python = thrown.frames.iter().filter(|_| thrown.is_python);
            for frame in python.filter_map(|frame| python_frame(frame.as_bytes())) {
                self.stack.python_saw(frame);
            }
            let mut lines = thrown.text.split('\n');
            let first = lines.next().unwrap_or_default().as_bytes();
            if let Some(seen) = python_exception(first) {
                self.stack.threw(seen, self.line, first, thrown.is_python);
            }
            for frame in thrown.frames.iter().filter(|_| !thrown.is_python) {
                self.stack.java_frame(frame.as_bytes());
            }
            self.say(first);
            for line in lines {
                self.within(line.as_bytes());
            }
        }
        for line in json.trace.split('\n').filter(|line| !line.is_empty()) {
            self.within(line.as_bytes());
        }
    }

    /// A line without a head: it belongs to the event before it, or begins one of its own.
    fn headless(&mut self, line: &[u8]) {
        if self.is_anew(line) {
            self.begin_event(false);
            // What a program prints without a time was printed at any time after the last that has one.
            let is_print = [FileKind::StepStdout, FileKind::DriverStdout, FileKind::ExecutorStdout];
            if is_print.contains(&self.place.kind) {
                self.head.time = HeadTime::default();
            }
        }
        self.within(line);
    }

    /// Whether a line without a head begins an event. What a program prints between the lines of a log does, if it is an
    /// exception; without heads, each line does that no other line announces.
    fn is_anew(&self, line: &[u8]) -> bool {
        let Some(first) = line.first() else { return false };
        if self.stack.in_python || self.stack.is_chained || self.stack.goes_on || first.is_ascii_whitespace() {
            return false;
        }
        if line.starts_with(TRACEBACK) || line.starts_with(b"Exception in thread ") {
            return !self.head.has_head || self.head.is_info || self.head.is_print || self.stack.is_open();
        }
        if self.head.has_head {
            return self.head.is_info && leading_exception(line).is_some();
        }
        let belongs = [&b"Caused by: "[..], b": ", b"...", b"Driver stacktrace:", b"}", b")"];
        !(belongs.iter().any(|start| line.starts_with(start)) || CHAINED.contains(&line))
    }

    /// A line within an event: it may go deeper in a chain of causes.
    fn within(&mut self, line: &[u8]) {
        let text = line.trim_ascii();
        if text.is_empty() {
            return;
        }
        let was_going_on = std::mem::take(&mut self.stack.goes_on);
        let was_chained = std::mem::take(&mut self.stack.is_chained);
        let is_indented = line[0].is_ascii_whitespace();
        if is_indented && text.starts_with(b"at ") {
            if self.stack.is_open() {
                self.stack.java_frame(text);
            }
            return;
        }
        if CHAINED.contains(&text) {
            self.stack.is_chained = true;
            return;
        }
        if text.starts_with(TRACEBACK) && !is_indented {
            if was_chained {
                self.stack.next_part();
            } else if was_going_on {
                self.stack.depth += 1;
            }
            return self.stack.python_opens();
        }
        if self.stack.in_python {
            return self.python(line, text, is_indented);
        }
        self.java(line, text, is_indented);
        self.say(line);
        self.stack.goes_on = ANNOUNCES.iter().any(|end| text.ends_with(end));
        if let Some(name) = text.strip_suffix(TRACEBACK).map(<[u8]>::trim_ascii_end) {
            // `ValueError        Traceback (most recent call last)`: a notebook's, which ends with that exception.
            if python_exception(name).is_some() {
                if was_chained {
                    self.stack.next_part();
                }
                self.stack.notebook = Some(name.to_vec());
                self.stack.python_opens();
            }
        } else {
            self.opens_within(line);
        }
    }

    /// A line of a traceback: a frame, a line of source, or the exception that ends it.
    fn python(&mut self, line: &[u8], text: &[u8], is_indented: bool) {
        let is_notebooks = self.stack.notebook.is_some();
        if let Some(frame) = python_frame(text).filter(|_| is_indented || is_notebooks) {
            return self.stack.python_saw(frame);
        }
        let is_last = match &self.stack.notebook {
            Some(name) => {
                let short = memchr::memrchr(b'.', name).map_or(&name[..], |at| &name[at + 1..]);
                let starts = python_exception(line).is_some_and(|thrown| thrown.class.as_bytes().ends_with(short));
                starts && !is_indented
            }
            None => !is_indented,
        };
        if !is_last {
            // A notebook's traceback may be cut: what follows it is looked at.
            if is_notebooks && !is_indented {
                self.say(line);
            }
            return;
        }
        self.stack.in_python = false;
        self.stack.notebook = None;
        if let Some(thrown) = python_exception(line) {
            self.stack.threw(thrown, self.line, line, true);
        }
        self.say(line);
        self.stack.goes_on = text.ends_with(b"PythonException:") || text.ends_with(b"stack trace below.");
        self.opens_within(line);
    }

    fn java(&mut self, line: &[u8], text: &[u8], is_indented: bool) {
        if let Some(rest) = text.strip_prefix(b"Caused by: ") {
            self.stack.depth += 1;
            if let Some(thrown) = java_exception(rest) {
                self.stack.threw(leading_exception(rest).unwrap_or(thrown), self.line, line, false);
            }
        } else if let Some(thrown) = text.strip_prefix(b": ").filter(|_| !is_indented).and_then(java_exception) {
            self.stack.depth += 1;
            self.stack.threw(leading_exception(&text[2..]).unwrap_or(thrown), self.line, line, false);
        } else if text.starts_with(b"Driver stacktrace:") {
            self.stack.in_driver = true;
        } else if !is_indented && let Some(thrown) = leading_exception(text) {
            self.stack.threw(thrown, self.line, line, false);
        }
    }

    /// Looks for what a line within an event says.
    fn say(&mut self, line: &[u8]) {
        let found = self.matched(line, false);
        self.clues(found, line);
    }

    fn matched(&self, line: &[u8], info: bool) -> Vec<Matched> {
        self.catalogue.matcher().matches(line, self.place.kind, info)
    }

    fn clues(&mut self, found: Vec<Matched>, line: &[u8]) {
        // Several ways to say one thing are one clue; what only one of them names is kept.
        let mut of_line: Vec<(usize, usize, BTreeMap<String, String>)> = Vec::new();
        for matched in found {
            match of_line.iter_mut().find(|(class, ..)| *class == matched.class) {
                None => of_line.push((matched.class, matched.pattern, matched.slots.into_iter().collect())),
                Some((_, _, slots)) => {
                    for (name, value) in matched.slots {
                        slots.entry(name).or_insert(value);
                    }
                }
            }
        }
        for (class, pattern, slots) in of_line {
            let class = &self.catalogue.classes()[class];
            let pattern = &class.patterns[pattern];
            let clue = self.clue(class.name.clone(), pattern.role.unwrap_or(class.role), pattern.strength, line, slots);
            relate(&self.place, &clue.subject, &clue.slots, &mut self.relations);
            self.keeper.add(clue, self.stack.part);
        }
    }

    fn clue(
        &mut self,
        class: Arc<str>,
        role: ClueRole,
        strength: Strength,
        line: &[u8],
        slots: BTreeMap<String, String>,
    ) -> Clue {
        Clue {
            class,
            role,
            strength,
            layer: self.layer,
            at: self.at(),
            place: CluePlace { file: self.file.clone(), line: Some(self.line) },
            text: text_of(line, MOST_TEXT),
            subject: subject_of(&self.place, &slots),
            slots,
            event: self.event,
            depth: self.stack.depth,
            count: 0,
            frame: None,
        }
    }

    fn at(&mut self) -> Option<Timestamp> {
        self.head.time.read(&self.zone)
    }

    fn begin_event(&mut self, has_head: bool) {
        self.end_event();
        self.event += 1;
        self.head.has_head = has_head;
        self.head.is_info = false;
        self.head.is_print = false;
    }

    fn end_event(&mut self) {
        if self.stack.is_open() || self.stack.is_chained || self.stack.goes_on || self.stack.depth > 0 {
            let mut stack = std::mem::take(&mut self.stack);
            stack.settle();
            let seen = stack.deepest.take();
            let parts = stack.part;
            let frame = seen.as_ref().and_then(|seen| seen.frame.clone()).or(stack.outer_frame.take());
            if let Some(seen) = seen.filter(|_| stack.has_frames) {
                self.threw(seen, frame.clone());
            }
            self.keeper.end_event(self.event, parts, frame.as_deref());
        } else {
            self.keeper.end_event(self.event, 0, None);
        }
    }

    /// An event's deepest exception, where no class says what it is.
    fn threw(&mut self, seen: SeenException, frame: Option<String>) {
        // A refused connection, an exit code: the user's own code that failed of it says more.
        let says = |class: &str, role: ClueRole, strength: Strength| match role {
            ClueRole::Cause | ClueRole::Ignore => true,
            ClueRole::Symptom => class != TASK_LOST && strength > Strength::ExitCode,
            _ => false,
        };
        if self.head.has_head && self.head.is_info || self.keeper.has_open(says) {
            return;
        }
        let is_passed_on = seen.is_python && seen.thrown.is_of_bridge();
        let is_own = seen.frame.is_some() && !is_passed_on && !seen.thrown.is_of_library();
        let (name, strength, role) = if is_own {
            (USER_CODE, Strength::Typed, ClueRole::Cause)
        } else {
            (EXCEPTION, Strength::Message, ClueRole::Wrapper)
        };
        let class = self.catalogue.class(name);
        let role = class.map_or(role, |class| class.role);
        let name = class.map_or_else(|| Arc::from(name), |class| class.name.clone());
        let mut slots =
            BTreeMap::from([("exception".to_owned(), seen.thrown.class), ("message".to_owned(), seen.thrown.message)]);
        if let Some(frame) = &frame {
            slots.insert("frame".to_owned(), frame.clone());
        }
        slots.retain(|_, value| !value.is_empty());
        let mut clue = self.clue(name, role, strength, seen.text.as_bytes(), slots);
        clue.place.line = Some(seen.line);
        clue.depth = seen.depth;
        clue.frame = frame;
        self.keeper.add(clue, seen.part);
    }

    pub(super) fn finish(mut self) -> FileFindings {
        self.end_event();
        FileFindings {
            lines: self.line,
            first_at: self.first_at,
            last_at: self.at(),
            file: self.file,
            clues: self.keeper.finish(),
            relations: self.relations,
            ..FileFindings::default()
        }
    }
}

impl Default for HeadTime {
    fn default() -> HeadTime {
        HeadTime { bytes: [0; 40], length: 0, read: None }
    }
}

impl HeadTime {
    fn put(&mut self, text: &[u8]) {
        let length = text.len().min(self.bytes.len());
        self.bytes[..length].copy_from_slice(&text[..length]);
        self.length = length;
        self.read = None;
    }

    /// A head whose time is none has that of the head before it no more.
    fn read(&mut self, zone: &TimeZone) -> Option<Timestamp> {
        if self.length == 0 {
            return None;
        }
        *self.read.get_or_insert_with(|| time_of(&self.bytes[..self.length], zone))
    }
}

/// What of a line a terminal would show: without the line's end, colours before it, and the progress bar that it overwrites.
fn shown(raw: &[u8]) -> &[u8] {
    let line = raw.strip_suffix(b"\r").unwrap_or(raw);
    match line.first() {
        Some(b'\r' | b'[') => match memchr::memrchr(b'\r', line) {
            Some(at) if line.starts_with(b"[Stage ") || line[0] == b'\r' => &line[at + 1..],
            _ => line,
        },
        Some(0x1b) => {
            let letter = line.iter().position(u8::is_ascii_alphabetic);
            letter.map_or(line, |at| &line[at + 1..])
        }
        _ => line,
    }
}

/// A text of at most `most` bytes.
pub(super) fn text_of(text: &[u8], most: usize) -> String {
    let mut cut = &text[..text.len().min(most)];
    if cut.len() < text.len() {
        // Not in the middle of a character.
        while cut.last().is_some_and(|b| *b >= 0x80) && text.get(cut.len()).is_some_and(|b| b & 0xc0 == 0x80) {
            cut = &cut[..cut.len() - 1];
        }
    }
    String::from_utf8_lossy(cut).into_owned()
}
