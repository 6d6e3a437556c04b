//! Which parts of a text change from run to run.

use super::forms::{DateSpot, DateUnit, dates, has_odd_date};
use super::leaves::Leaf;
use super::wire::{DateRule, first_of, is_moment};
use crate::detect;
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

/// The form of a serial that is milliseconds since 1970.
pub(super) const MILLISECONDS: &str = "ms";

/// Words that say of a number that it is a run's.
const SERIALS: [&str; 9] = ["run", "id", "batch", "seq", "sequence", "serial", "attempt", "execution", "job"];

/// The text of a run at a place.
#[derive(Clone, Debug)]
pub(super) struct Seen {
    pub text: String,
    pub moment: Option<Timestamp>,
}

/// A part of the newest run's text.
#[derive(Clone, Debug)]
pub(super) struct Part {
    pub start: usize,
    pub end: usize,
    /// By strftime; of a serial empty or [`MILLISECONDS`].
    pub form: String,
    pub kind: PartKind,
}

#[derive(Clone, Debug)]
pub(super) enum PartKind {
    /// Runs show that it changes.
    Varying(Varying),
    /// A date of the only run that is known, and near it.
    Near(DateUnit, DateRule),
    /// Nobody knows; why.
    Unknown(&'static str),
}

/// What changes.
#[derive(Clone, Debug)]
pub(super) enum Varying {
    /// The dates of the runs whose time is known, the newest run first.
    Date {
        unit: DateUnit,
        runs: Vec<(Date, Timestamp)>,
    },
    /// The moments of so many runs.
    Moment {
        runs: usize,
    },
    Serial {
        runs: usize,
    },
}

impl Part {
    /// What the newest run has there.
    pub fn text(&self, leaf: &Leaf) -> String {
        leaf.text.get(self.start..self.end).unwrap_or_default().to_owned()
    }
}

/// The parts of a text that change, or may. The newest run comes first.
pub(super) fn parts(leaf: &Leaf, seen: &[Seen]) -> Vec<Part> {
    let Some(newest) = seen.first().filter(|newest| !newest.text.contains(detect::HIDDEN)) else { return Vec::new() };
    let own = tokens(&newest.text);
    // Texts of another build say nothing of the parts of this one.
    let mut runs: Vec<(&Seen, Vec<Token>)> = vec![(newest, own.clone())];
    runs.extend(seen.iter().skip(1).map(|run| (run, tokens(&run.text))).filter(|(run, tokens)| {
        own.len() == tokens.len() && own.iter().zip(tokens).all(|(a, b)| a.is_alike(&newest.text, b, &run.text))
    }));
    let mut parts = Vec::new();
    let mut from = 0;
    for (at, token) in own.iter().enumerate() {
        let same = || runs.iter().map(|(run, tokens)| (*run, &tokens[at]));
        let made = match token {
            _ if token.start() < from => None,
            Token::Date(spot) => date(spot, &same().collect::<Vec<_>>()),
            Token::Word(start, end) => serial(leaf, *start, *end, &same().collect::<Vec<_>>()),
            Token::Gap(..) => None,
        };
        from = made.as_ref().map_or(from, |part| part.end);
        parts.extend(made);
    }
    let differs = seen.iter().any(|run| run.text != newest.text);
    if parts.is_empty() && has_odd_date(&newest.text) && (differs || seen.len() == 1) {
        let why = "it looks like a date, in a form that no expression of Airflow is made for";
        parts.push(Part { start: 0, end: newest.text.len(), form: String::new(), kind: PartKind::Unknown(why) });
    }
    parts
}

fn date(spot: &DateSpot, runs: &[(&Seen, &Token)]) -> Option<Part> {
    let spots: Vec<(&Seen, &DateSpot)> =
        runs.iter().filter_map(|(run, token)| token.date().map(|spot| (*run, spot))).collect();
    let made = |end, form: &str, kind| Some(Part { start: spot.start, end, form: form.to_owned(), kind });
    let plain = |kind| made(spot.end, &spot.form, kind);
    let newest = spots.first().and_then(|(run, _)| run.moment);
    // A time of day that changes with the date is a moment.
    if let Some(time) = &spot.time {
        let times: Vec<_> = spots.iter().filter_map(|(run, spot)| Some((*run, spot.time.as_ref()?))).collect();
        if times.iter().any(|(_, other)| other.at.time() != time.at.time()) {
            let near = times.iter().filter(|(run, time)| run.moment.is_some_and(|run| is_moment(time.at, run))).count();
            return if near == times.len() {
                made(time.end, &time.form, PartKind::Varying(Varying::Moment { runs: near }))
            } else {
                made(
                    time.end,
                    &time.form,
                    PartKind::Unknown("it changes from run to run, and is not the run's own moment"),
                )
            };
        }
    }
    if spots.iter().any(|(_, other)| other.date != spot.date) {
        let known = spots.iter().filter_map(|(run, spot)| Some((spot.date, run.moment?)));
        return plain(PartKind::Varying(Varying::Date { unit: spot.unit, runs: known.collect() }));
    }
    if is_shown_constant(spot.unit, &spots) {
        return None;
    }
    match newest.and_then(|run| DateRule::near(spot.unit, spot.date, run)) {
        Some(rule) => plain(PartKind::Near(spot.unit, rule)),
        None => {
            plain(PartKind::Unknown("one run alone does not show what changes, and it is not near that run's time"))
        }
    }
}

/// Whether runs of different periods all have the same date. Two runs of one month do not show what a month changes.
fn is_shown_constant(unit: DateUnit, spots: &[(&Seen, &DateSpot)]) -> bool {
    let period = |run: &Seen| {
        let day = run.moment.map(|run| run.to_zoned(TimeZone::UTC).date());
        day.and_then(|day| first_of(unit, day))
    };
    let Some(((newest, _), earlier)) = spots.split_first() else { return false };
    earlier.iter().any(|(run, _)| period(run).is_none() || period(newest).is_none() || period(run) != period(newest))
}

/// A number or an id that is another one in each run.
fn serial(leaf: &Leaf, start: usize, end: usize, runs: &[(&Seen, &Token)]) -> Option<Part> {
    let words: Vec<&str> = runs.iter().filter_map(|(run, token)| run.text.get(token.start()..token.end())).collect();
    let newest = *words.first()?;
    let part = |form: &str, kind| Some(Part { start, end, form: form.to_owned(), kind });
    let about = leaf.about(start);
    let is_named = about.split(|c: char| !c.is_ascii_alphanumeric()).any(|word| SERIALS.contains(&word));
    let is_clock = |length: usize, each: i64| {
        words.iter().all(|word| word.len() == length && is_digits(word))
            && runs.iter().zip(&words).all(|((run, _), word)| {
                let seconds = word.parse::<i64>().ok().map(|n| n / each);
                run.moment.zip(seconds).is_some_and(|(run, n)| (run.as_second() - n).abs() < 3 * 86_400)
            })
    };
    let distinct = words.iter().enumerate().all(|(at, word)| !words[..at].contains(word));
    let unproven = "one run alone does not show whether it changes";
    if leaf.code {
        return None;
    }
    if words.len() < 2 {
        let clock = is_clock(10, 1) || is_clock(13, 1000);
        return if clock || is_id(newest) && is_named { part("", PartKind::Unknown(unproven)) } else { None };
    }
    if !distinct {
        return None;
    }
    if is_clock(13, 1000) {
        return part(MILLISECONDS, PartKind::Varying(Varying::Serial { runs: words.len() }));
    }
    if is_clock(10, 1) {
        return part("", PartKind::Unknown("it is seconds since 1970, which no dynamic value of Databricks is"));
    }
    let numbers: Option<Vec<u128>> = words.iter().map(|word| word.parse().ok().filter(|_| is_digits(word))).collect();
    let counts = numbers.is_some_and(|numbers| {
        let falls = numbers.windows(2).all(|pair| pair[0] > pair[1]);
        let long = words.iter().all(|word| word.len() >= 6);
        falls && (words.len() > 2 || leaf.resolves && (is_named || long))
    });
    let ids = words.iter().all(|word| is_id(word));
    (counts || ids).then(|| part("", PartKind::Varying(Varying::Serial { runs: words.len() }))).flatten()
}

fn is_digits(word: &str) -> bool {
    !word.is_empty() && word.bytes().all(|b| b.is_ascii_digit())
}

/// `0b3e9f1c`, and what UUIDs are.
fn is_id(word: &str) -> bool {
    let hex = word.bytes().all(|b| b.is_ascii_hexdigit() || b == b'-');
    word.len() >= 8 && hex && word.bytes().any(|b| b.is_ascii_digit()) && !is_digits(word)
}

/// A part of a text.
#[derive(Clone, Debug)]
enum Token {
    Date(DateSpot),
    /// Letters and digits, or a whole UUID.
    Word(usize, usize),
    Gap(usize, usize),
}

impl Token {
    fn start(&self) -> usize {
        match self {
            Token::Date(spot) => spot.start,
            Token::Word(start, _) | Token::Gap(start, _) => *start,
        }
    }

    fn end(&self) -> usize {
        match self {
            Token::Date(spot) => spot.end,
            Token::Word(_, end) | Token::Gap(_, end) => *end,
        }
    }

    fn date(&self) -> Option<&DateSpot> {
        match self {
            Token::Date(spot) => Some(spot),
            _ => None,
        }
    }

    /// Whether it may be the same part in another text: all but dates, figures and ids has to be the same.
    fn is_alike(&self, text: &str, other: &Token, others: &str) -> bool {
        let (own, its) = (&text[self.start()..self.end()], &others[other.start()..other.end()]);
        let changes = |word: &str| is_digits(word) || is_id(word);
        match (self, other) {
            (Token::Date(a), Token::Date(b)) => a.form == b.form,
            (Token::Word(..), Token::Word(..)) => own == its || changes(own) && changes(its),
            (Token::Gap(..), Token::Gap(..)) => own == its,
            _ => false,
        }
    }
}

fn tokens(text: &str) -> Vec<Token> {
    let spots = dates(text);
    let mut out = Vec::new();
    let mut at = 0;
    while let Some(c) = text[at..].chars().next() {
        let spot = spots.iter().find(|spot| spot.start >= at);
        let end = match spot {
            Some(spot) if spot.start == at => {
                out.push(Token::Date(spot.clone()));
                at = spot.end;
                continue;
            }
            spot => spot.map_or(text.len(), |spot| spot.start),
        };
        let rest = &text[at..end];
        let length = match uuid(rest) {
            Some(length) => length,
            None => rest.find(|other: char| other.is_alphanumeric() != c.is_alphanumeric()).unwrap_or(rest.len()),
        };
        out.push(if c.is_alphanumeric() { Token::Word(at, at + length) } else { Token::Gap(at, at + length) });
        at += length;
    }
    out
}

fn uuid(text: &str) -> Option<usize> {
    let word = text.get(..36)?;
    let lengths = [8, 4, 4, 4, 12];
    let parts: Vec<&str> = word.split('-').collect();
    let fits = parts.len() == lengths.len()
        && parts
            .iter()
            .zip(lengths)
            .all(|(part, length)| part.len() == length && part.bytes().all(|b| b.is_ascii_hexdigit()));
    fits.then_some(36)
}
