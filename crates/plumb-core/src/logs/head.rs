//! The head of a line of a log: when, how loud, and where its message begins.
//!
//! A head is recognised in two steps, because most lines are only asked how loud they are: [`shape_of`] finds its parts and
//! reads no number, [`time_of`] reads the time where somebody wants it.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

/// How loud a line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum LogLevel {
    Debug,
    Info,
    Warn,
    Error,
    Fatal,
}

/// What the head of a line says. A line without one belongs to the line before it: a frame of a stack, a continued message.
#[derive(Clone, Debug, PartialEq)]
pub struct LineHead {
    pub at: Option<Timestamp>,
    pub level: Option<LogLevel>,
    /// The offset of the message in the line, in bytes.
    pub message: usize,
}

/// Where the parts of a head stand, unread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeadShape {
    /// The time's range in the line; empty where the head has none.
    pub time: (usize, usize),
    pub level: Option<LogLevel>,
    pub message: usize,
    /// Whether the line is an object of JSON.
    pub is_json: bool,
}

/// A level stands within so many bytes: layouts that begin with the thread have long heads.
const MOST_HEAD: usize = 160;

/// Reads the head of a line: of log4j in the layouts of Spark, YARN and Databricks, of EMR's step controller, of Airflow 2 and
/// of the JSON lines of Airflow 3. `None` if it has none. Times without a zone are in `zone`.
pub fn head_of(line: &[u8], zone: &TimeZone) -> Option<LineHead> {
    let shape = shape_of(line)?;
    let (from, to) = shape.time;
    Some(LineHead { at: time_of(&line[from..to], zone), level: shape.level, message: shape.message })
}

/// Finds the parts of a line's head.
pub fn shape_of(line: &[u8]) -> Option<HeadShape> {
    match line.first()? {
        b'0'..=b'9' => {
            let time = time_length(line)?;
            Some(behind_time(line, 0, time, time))
        }
        b'[' => in_brackets(line),
        b'{' => of_json(line),
        b'A'..=b'Z' => of_words(line),
        _ => None,
    }
}

/// The length of a time in digits at the beginning: `26/09/26 10:15:53`, `2026-09-26 10:15:43,675`, `2026-09-26T10:15:56.651Z`,
/// `2026-09-26T10:15:56.651+0000`.
fn time_length(line: &[u8]) -> Option<usize> {
    let is = |at: usize, byte: u8| line.get(at) == Some(&byte);
    let digits = |at: usize| line.get(at..at + 2).is_some_and(|two| two[0].is_ascii_digit() && two[1].is_ascii_digit());
    let clock = |at: usize| digits(at) && is(at + 2, b':') && digits(at + 3) && is(at + 5, b':') && digits(at + 6);
    if is(2, b'/') && is(5, b'/') && is(8, b' ') && digits(0) && digits(3) && digits(6) && clock(9) {
        return Some(17);
    }
    let separator = is(4, b'-') || is(4, b'/');
    if !(separator
        && line.get(7) == line.get(4)
        && (is(10, b' ') || is(10, b'T'))
        && digits(5)
        && digits(8)
        && clock(11))
    {
        return None;
    }
    let mut end = 19;
    if is(end, b',') || is(end, b'.') {
        let fraction = line[end + 1..].iter().take(9).take_while(|b| b.is_ascii_digit()).count();
        end += if fraction > 0 { 1 + fraction } else { 0 };
    }
    if is(end, b'Z') {
        end += 1;
    } else if (is(end, b'+') || is(end, b'-')) && digits(end + 1) {
        let colon = usize::from(is(end + 3, b':'));
        end += if digits(end + 3 + colon) { 5 + colon } else { 0 };
    }
    Some(end)
}

/// What stands behind a time: the level, or a thread or logger and then the level.
fn behind_time(line: &[u8], from: usize, to: usize, behind: usize) -> HeadShape {
    let head = &line[..line.len().min(MOST_HEAD)];
    let mut at = spaces(head, behind);
    let found =
        |level: LogLevel, message: usize| HeadShape { time: (from, to), level: Some(level), message, is_json: false };
    if let Some((level, length)) = level_at(&head[at..]) {
        return found(level, spaces(line, at + length));
    }
    let message = at;
    // `[thread] LEVEL`: the thread's name may have brackets itself.
    if head.get(at) == Some(&b'[') {
        for close in memchr::memchr_iter(b']', &head[at..]) {
            let next = spaces(head, at + close + 1);
            if let Some((level, length)) = level_at(&head[next..]) {
                return found(level, spaces(line, next + length));
            }
        }
        return HeadShape { time: (from, to), level: None, message, is_json: false };
    }
    // `{file.py:12} LEVEL - `, `- logger - LEVEL - `, and log4j's `PID LEVEL`: a few words on.
    for _ in 0..5 {
        let Some(word) = memchr::memchr(b' ', &head[at..]) else { break };
        at = spaces(head, at + word);
        if let Some((level, length)) = level_at(&head[at..]) {
            let behind = spaces(line, at + length);
            let dash = if line[behind..].starts_with(b"- ") { 2 } else { 0 };
            return found(level, behind + dash);
        }
    }
    HeadShape { time: (from, to), level: None, message, is_json: false }
}

fn spaces(line: &[u8], mut at: usize) -> usize {
    while line.get(at) == Some(&b' ') {
        at += 1;
    }
    at.min(line.len())
}

/// A level at the beginning, and its length with the colon or bracket that follows it.
fn level_at(text: &[u8]) -> Option<(LogLevel, usize)> {
    let (level, length) = match text.get(..4)? {
        b"INFO" => (LogLevel::Info, 4),
        b"WARN" => (LogLevel::Warn, if text.starts_with(b"WARNING") { 7 } else { 4 }),
        b"ERRO" if text.starts_with(b"ERROR") => (LogLevel::Error, 5),
        b"DEBU" if text.starts_with(b"DEBUG") => (LogLevel::Debug, 5),
        b"TRAC" if text.starts_with(b"TRACE") => (LogLevel::Debug, 5),
        b"FATA" if text.starts_with(b"FATAL") => (LogLevel::Fatal, 5),
        b"CRIT" if text.starts_with(b"CRITICAL") => (LogLevel::Fatal, 8),
        b"SEVE" if text.starts_with(b"SEVERE") => (LogLevel::Error, 6),
        _ => return None,
    };
    match text.get(length) {
        None | Some(b' ' | b'\t') => Some((level, length)),
        Some(b':') => Some((level, length + 1)),
        _ => None,
    }
}

/// `[2026-10-02T09:17:17.589+0000] {taskinstance.py:1937} ERROR - …` of Airflow 2, `[2026-10-02 09:17:17,589] …` of its
/// earlier versions, `[Fri Oct  2 09:17:17 2026] …` of the kernel.
fn in_brackets(line: &[u8]) -> Option<HeadShape> {
    let inner = &line[1..];
    let length = time_length(inner).or_else(|| date_length(inner))?;
    if inner.get(length) != Some(&b']') {
        return None;
    }
    Some(behind_time(line, 1, 1 + length, length + 2))
}

/// `Fri Oct  2 09:17:17 2026` or with a zone before the year, as `date` prints it: the length.
fn date_length(line: &[u8]) -> Option<usize> {
    let text = line.get(..24)?;
    let fits = text[3] == b' '
        && text[7] == b' '
        && text[10] == b' '
        && text[13] == b':'
        && text[16] == b':'
        && text[19] == b' '
        && month(&text[4..7]).is_some();
    if !fits {
        return None;
    }
    let digits = |range: &[u8]| range.iter().all(u8::is_ascii_digit);
    if digits(&text[20..24]) {
        return Some(24);
    }
    let zoned = line.get(20..28)?;
    (zoned.starts_with(b"UTC ") && digits(&zoned[4..])).then_some(28)
}

fn month(name: &[u8]) -> Option<i8> {
    const MONTHS: [&[u8]; 12] =
        [b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec"];
    MONTHS.iter().position(|m| *m == name).map(|at| at as i8 + 1)
}

/// A level without a time (`ERROR Utils: …` of log4j's fallback, `ERROR: …` of pip, a controller's line), or a date in words.
fn of_words(line: &[u8]) -> Option<HeadShape> {
    if let Some((level, length)) = level_at(line) {
        return Some(HeadShape { time: (0, 0), level: Some(level), message: spaces(line, length), is_json: false });
    }
    let length = date_length(line)?;
    Some(HeadShape { time: (0, length), level: None, message: spaces(line, length), is_json: false })
}

/// `{"timestamp":"2026-10-02T09:17:17.589Z","level":"error","event":"…"}`. Which members come first is not sure: they are looked
/// for in the beginning of the line; a level that stands behind a long event is none.
fn of_json(line: &[u8]) -> Option<HeadShape> {
    // What is short is searched whole: the order of members is the writer's.
    let head = &line[..line.len().min(2_048)];
    if head.get(1) != Some(&b'"') {
        return None;
    }
    let time = ["\"timestamp\"", "\"ts\"", "\"asctime\""].iter().find_map(|name| text_member(head, name))?;
    let level = text_member(head, "\"level\"").and_then(|(from, to)| level_word(&head[from..to]));
    let event = ["\"event\"", "\"msg\"", "\"message\""].iter().find_map(|name| text_member(head, name));
    Some(HeadShape { time, level, message: event.map_or(0, |(from, _)| from), is_json: true })
}

fn level_word(word: &[u8]) -> Option<LogLevel> {
    let upper = word.to_ascii_uppercase();
    level_at(&upper).map(|(level, _)| level)
}

/// The range of the text of a member; of one that is cut, the rest.
fn text_member(json: &[u8], name: &str) -> Option<(usize, usize)> {
    let at = memchr::memmem::find(json, name.as_bytes())? + name.len();
    let colon = spaces(json, at);
    if json.get(colon) != Some(&b':') {
        return None;
    }
    let quote = spaces(json, colon + 1);
    if json.get(quote) != Some(&b'"') {
        return None;
    }
    let from = quote + 1;
    let mut to = from;
    while let Some(byte) = json.get(to) {
        match byte {
            b'"' => break,
            b'\\' => to += 2,
            _ => to += 1,
        }
    }
    Some((from, to.min(json.len())))
}

/// Reads a time that a [`HeadShape`] has found. Without a zone of its own it is in `zone`.
pub fn time_of(text: &[u8], zone: &TimeZone) -> Option<Timestamp> {
    let number = |from: usize, to: usize| -> Option<i32> {
        let digits = text.get(from..to)?;
        digits.iter().try_fold(0i32, |sum, b| b.is_ascii_digit().then(|| sum * 10 + i32::from(b - b'0')))
    };
    let small = |from: usize| number(from, from + 2).map(|n| n as i8);
    if text.first()?.is_ascii_uppercase() {
        let day = if text.get(8) == Some(&b' ') { number(9, 10)? as i8 } else { small(8)? };
        let zoned = text.len() == 28;
        let year = if zoned { number(24, 28)? } else { number(20, 24)? };
        let month = month(text.get(4..7)?)?;
        let local = DateTime::new(year as i16, month, day, small(11)?, small(14)?, small(17)?, 0).ok()?;
        return if zoned { instant(local, &TimeZone::UTC) } else { instant(local, zone) };
    }
    if text.get(2) == Some(&b'/') {
        let year = 2000 + number(0, 2)? as i16;
        let local = DateTime::new(year, small(3)?, small(6)?, small(9)?, small(12)?, small(15)?, 0).ok()?;
        return instant(local, zone);
    }
    let mut nanos = 0;
    let mut end = 19;
    if matches!(text.get(19), Some(b'.' | b',')) {
        let digits = text[20..].iter().take(9).take_while(|b| b.is_ascii_digit()).count();
        end = 20 + digits;
        nanos = number(20, end)? * 10i32.pow(9 - digits as u32);
    }
    let year = number(0, 4)? as i16;
    let local = DateTime::new(year, small(5)?, small(8)?, small(11)?, small(14)?, small(17)?, nanos).ok()?;
    match text.get(end) {
        Some(b'Z') => instant(local, &TimeZone::UTC),
        Some(sign @ (b'+' | b'-')) => {
            let colon = usize::from(text.get(end + 3) == Some(&b':'));
            let seconds = number(end + 1, end + 3)? * 3_600 + number(end + 3 + colon, end + 5 + colon)? * 60;
            let seconds = if *sign == b'-' { -seconds } else { seconds };
            let offset = jiff::tz::Offset::from_seconds(seconds).ok()?;
            offset.to_timestamp(local).ok()
        }
        _ => instant(local, zone),
    }
}

/// Of a time that a change of clocks has doubled or left out, the one that comes with the rules from before it.
fn instant(local: DateTime, zone: &TimeZone) -> Option<Timestamp> {
    zone.to_ambiguous_timestamp(local).compatible().ok()
}

#[cfg(test)]
#[path = "head_tests.rs"]
mod tests;
