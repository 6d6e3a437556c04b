//! Problems in manifests, each under the line that it is about.

use super::value::{hung, is_hidden};
use super::{NARROWEST, Style};
use crate::detect::{self, Mask};
use annotate_snippets::{Annotation, AnnotationKind, Group, Level, Origin, Renderer, Snippet};
use plumb_model::address::Address;
use plumb_model::yaml::{Files, Problem, Span};
use serde_json::{Value, json};
use std::collections::{BTreeSet, HashMap};
use std::fmt::Write;
use std::ops::Range;

/// A line of up to so many bytes is shown whole.
const WHOLE: usize = 250;
/// How much of a longer line is shown before and after what is underlined.
const AROUND: usize = 60;
/// How much of what is underlined is shown.
const UNDERLINED: usize = 100;
/// How much of a long line, in bytes, is looked at before and after the place that is shown.
const WINDOW: usize = 4_000;
/// The longest message, label or help.
const LONGEST: usize = 1_000;
/// What stands before a help, behind the line numbers.
const HELP: &str = " = help: ";
/// How many places of equal warnings are told.
const PLACES: usize = 5;

/// Every problem with its place, its line and how to fix it; then how many there are. Empty when there are none.
///
/// The same input gives the same text. Nothing of a manifest reaches a terminal as a control character.
pub fn problems(files: &Files, problems: &[Problem], style: Style) -> String {
    laid_out(files, problems, Level::ERROR, "problem", style)
}

/// The same for what is no mistake, and yet worth knowing: of equal ones the first is shown, and where the others are. Each
/// secret is one of its own: it has to be replaced. Linear in the warnings.
pub fn warnings(files: &Files, warnings: &[Problem], style: Style) -> String {
    let mut alike: Vec<Vec<&Problem>> = Vec::new();
    let mut known: HashMap<(&str, Option<&str>), usize> = HashMap::new();
    for warning in warnings {
        if warning.secret {
            alike.push(vec![warning]);
            continue;
        }
        let at = *known.entry((like(&warning.message), warning.help.as_deref())).or_insert(alike.len());
        match alike.get_mut(at) {
            Some(others) => others.push(warning),
            None => alike.push(vec![warning]),
        }
    }
    let mask = detect::mask(files, warnings);
    let sheet = ProblemSheet::new(files, &mask, style);
    let mut out = String::new();
    for equal in &alike {
        let Some((first, rest)) = equal.split_first() else { continue };
        out.push_str(&sheet.one(first, Level::WARNING));
        out.push('\n');
        out.push_str(&others(files, rest));
        out.push('\n');
    }
    ended(out, warnings, "warning")
}

/// A message without the resource that it begins with: the same may be said of others.
fn like(message: &str) -> &str {
    match message.split_once(' ') {
        Some((first, rest)) if Address::try_from(first.to_owned()).is_ok() => rest,
        _ => message,
    }
}

/// `and 9999 more like it: a.yaml:3, b.yaml:7 and 9997 more`, as a line of its own.
fn others(files: &Files, equal: &[&Problem]) -> String {
    let count = equal.len();
    if count == 0 {
        return String::new();
    }
    let place = |span: Span| format!("{}:{}", shown(&files.get(span.file).path), files.position(span).0);
    let told: Vec<String> = equal.iter().filter_map(|problem| problem.span).take(PLACES).map(place).collect();
    if told.is_empty() {
        return format!("and {count} more like it\n");
    }
    let more = equal.len().saturating_sub(told.len());
    let rest = if more > 0 { format!(" and {more} more, which `--output json` lists") } else { String::new() };
    format!("and {count} more like it: {}{rest}\n", told.join(", "))
}

fn laid_out(files: &Files, problems: &[Problem], level: Level<'static>, noun: &str, style: Style) -> String {
    let mask = detect::mask(files, problems);
    let sheet = ProblemSheet::new(files, &mask, style);
    let mut out = String::new();
    for problem in problems {
        out.push_str(&sheet.one(problem, level.clone()));
        out.push_str("\n\n");
    }
    ended(out, problems, noun)
}

/// The text with how many there are.
fn ended(mut out: String, problems: &[Problem], noun: &str) -> String {
    if !problems.is_empty() {
        out.push_str(&count(problems, noun));
        out.push('\n');
    }
    out
}

/// `12 problems in 3 files`
fn count(problems: &[Problem], noun: &str) -> String {
    let files: BTreeSet<_> = problems.iter().filter_map(|p| p.span).map(|s| s.file).collect();
    let plural = |n: usize, what: &str| format!("{n} {what}{}", if n == 1 { "" } else { "s" });
    let mut out = plural(problems.len(), noun);
    if !files.is_empty() {
        let _ = write!(out, " in {}", plural(files.len(), "file"));
    }
    out
}

/// What problems are laid out on.
struct ProblemSheet<'a> {
    files: &'a Files,
    mask: &'a Mask,
    renderer: Renderer,
    width: usize,
}

impl<'a> ProblemSheet<'a> {
    fn new(files: &'a Files, mask: &'a Mask, style: Style) -> Self {
        let renderer = if style.colour { Renderer::styled() } else { Renderer::plain() };
        ProblemSheet { files, mask, renderer, width: style.width.max(NARROWEST) }
    }

    fn one(&self, problem: &Problem, level: Level<'static>) -> String {
        let (files, mask) = (self.files, self.mask);
        let title = level.primary_title(shown(&problem.message));
        let mut group = title.elements(Vec::<Origin<'_>>::new());
        if let Some(span) = problem.span {
            group = place(group, files, span, mask, &problem.label, AnnotationKind::Primary);
        }
        if let Some((span, label)) = &problem.related {
            group = place(group, files, *span, mask, label, AnnotationKind::Context);
        }
        if let Some(help) = &problem.help {
            // Behind as many columns as the highest line number has.
            let spans = problem.span.into_iter().chain(problem.related.iter().map(|(span, _)| *span));
            let last = spans.map(|span| files.position(span).0).max().unwrap_or_default();
            let room = self.width - last.to_string().len() - HELP.len();
            group = group.element(Level::HELP.message(hung("", &shown(help), room, 0).join("\n")));
        }
        self.renderer.render(&[group])
    }
}

/// Adds a place: file, line and column, and the line with what it is about underlined.
fn place<'a>(
    group: Group<'a>,
    files: &'a Files,
    span: Span,
    mask: &Mask,
    label: &str,
    kind: AnnotationKind,
) -> Group<'a> {
    let (line, column) = files.position(span);
    let excerpt = Excerpt::new(files, span, mask);
    let mut annotation: Annotation<'a> = kind.span(excerpt.start..excerpt.end);
    if !label.is_empty() {
        annotation = annotation.label(shown(label));
    }
    let path = shown(&files.get(span.file).path);
    let is_where_it_was = excerpt.text[..excerpt.start].chars().count() + 1 == column;
    let snippet = Snippet::source(excerpt.text).line_start(line).annotation(annotation);
    if is_where_it_was {
        group.element(snippet.path(path))
    } else {
        // The snippet would show a column of the excerpt, not of the line.
        group.element(Origin::path(path).line(line).char_column(column)).element(snippet)
    }
}

/// The part of a line around a span, fit to be shown. A line may be megabytes long; a terminal is not.
struct Excerpt {
    text: String,
    start: usize,
    end: usize,
}

impl Excerpt {
    fn new(files: &Files, span: Span, mask: &Mask) -> Excerpt {
        let whole = &files.get(span.file).text;
        let from = span.start.min(whole.len());
        let (_, line) = files.get(span.file).line(from);
        let from = from.clamp(line.start, line.end);
        let to = span.end.clamp(from, line.end);
        let (around, underlined) = if line.len() <= WHOLE { (WHOLE, WHOLE) } else { (AROUND, UNDERLINED) };
        // Far more than is shown, so that a secret around it is seen as a whole.
        let line = window(whole, &line, from);
        let to = to.min(line.end);
        let masked = mask.of_line(files, span.file, line.clone());
        let (text, from, to) = without(&whole[line.clone()], from - line.start, to - line.start, &masked);
        let (text, line) = (text.as_str(), 0..text.len());
        let before = &text[line.start..from];
        let left = before.char_indices().rev().nth(around - 1).map_or(0, |(i, _)| i);
        let (inside, inside_cut) = cut(&text[from..to], underlined);
        let (after, after_cut) = if inside_cut { ("", false) } else { cut(&text[to..line.end], around) };

        let mut out = String::new();
        if left > 0 {
            out.push('…');
        }
        out.push_str(&shown(&before[left..]));
        let start = out.len();
        out.push_str(&shown(inside));
        let end = out.len();
        out.push_str(&shown(after));
        if inside_cut || after_cut {
            out.push('…');
        }
        // An empty place is shown as one character wide, behind the end of the line if need be.
        if start == end && end == out.len() {
            out.push(' ');
        }
        let end = if start == end { start + out[start..].chars().next().map_or(0, char::len_utf8) } else { end };
        Excerpt { text: out, start, end }
    }
}

/// The part of a long line that is looked at.
fn window(text: &str, line: &Range<usize>, around: usize) -> Range<usize> {
    let mut start = around.saturating_sub(WINDOW).max(line.start);
    let mut end = around.saturating_add(WINDOW).min(line.end);
    while !text.is_char_boundary(start) {
        start -= 1;
    }
    while !text.is_char_boundary(end) {
        end += 1;
    }
    start..end
}

/// A line with what is to be hidden hidden, and where a part of it is then: what reaches into a secret begins and ends with it.
fn without(line: &str, from: usize, to: usize, hidden: &[Range<usize>]) -> (String, usize, usize) {
    let (mut out, mut at) = (String::new(), 0);
    let (mut new_from, mut new_to) = (None, None);
    for range in hidden {
        out.push_str(&line[at..range.start]);
        let moved = |place: usize| out.len() - (range.start - place);
        if from < range.start {
            new_from = new_from.or(Some(moved(from)));
        }
        if to <= range.start {
            new_to = new_to.or(Some(moved(to)));
        }
        let start = out.len();
        out.push_str(detect::HIDDEN);
        if from < range.end {
            new_from = new_from.or(Some(start));
        }
        if to <= range.end {
            new_to = new_to.or(Some(out.len()));
        }
        at = range.end;
    }
    out.push_str(&line[at..]);
    let moved = |place: usize| out.len() - (line.len() - place);
    let (from, to) = (new_from.unwrap_or_else(|| moved(from)), new_to.unwrap_or_else(|| moved(to)));
    (out, from, to)
}

fn cut(text: &str, most: usize) -> (&str, bool) {
    match text.char_indices().nth(most) {
        Some((i, _)) => (&text[..i], true),
        None => (text, false),
    }
}

/// The text with everything that a terminal would act on, or that hides, written out.
fn shown(text: &str) -> String {
    let (text, was_cut) = cut(text, LONGEST);
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\t' => out.push(' '),
            c if is_hidden(c) => {
                for unit in c.encode_utf16(&mut [0; 2]) {
                    let _ = write!(out, "\\u{unit:04x}");
                }
            }
            c => out.push(c),
        }
    }
    if was_cut {
        out.push('…');
    }
    out
}

/// The problems as data, for `validate --output json`. Lines and columns count from 1, columns in characters; `end` is
/// behind the last character.
pub fn problems_json(files: &Files, problems: &[Problem]) -> Value {
    let place = |span: Span| {
        let (line, column) = files.position(span);
        let (end_line, end_column) = files.position(Span { start: span.end, ..span });
        json!({"file": files.get(span.file).path, "line": line, "column": column,
            "end": {"line": end_line, "column": end_column}})
    };
    let one = |problem: &Problem| {
        let mut out = problem.span.map_or_else(|| json!({}), place);
        out["message"] = json!(problem.message);
        if !problem.label.is_empty() {
            out["label"] = json!(problem.label);
        }
        if let Some(help) = &problem.help {
            out["help"] = json!(help);
        }
        if let Some((span, label)) = &problem.related {
            out["related"] = place(*span);
            out["related"]["label"] = json!(label);
        }
        out
    };
    json!({"problems": problems.iter().map(one).collect::<Vec<_>>()})
}

#[cfg(test)]
mod tests {
    use super::*;
    use plumb_model::yaml::Problems;

    const PLAIN: Style = Style { colour: false, width: 100 };

    fn at(text: &str, part: &str) -> (Files, Span) {
        let mut files = Files::default();
        let file = files.add("m/a.yaml", text);
        let start = text.find(part).unwrap();
        (files, Span { file, start, end: start + part.len() })
    }

    #[test]
    fn shows_the_line_the_label_and_the_help() {
        let (files, span) = at("a: 1\nnmae: ü x\nb: 2\na: 3\n", "nmae");
        let mut list = Problems::default();
        list.at(span, "unknown field `nmae`", "did you mean `name`?").help("known fields: name");
        let again = Span { start: 21, end: 22, ..span };
        let first = Span { start: 0, end: 1, ..span };
        list.at(again, "duplicate key `a`", "set a second time").related(first, "first set here");
        list.whole("`m/b.yaml` is not UTF-8");
        insta::assert_snapshot!(problems(&files, &list.sorted(), PLAIN), @r#"
        error: `m/b.yaml` is not UTF-8

        error: unknown field `nmae`
         --> m/a.yaml:2:1
          |
        2 | nmae: ü x
          | ^^^^ did you mean `name`?
          |
          = help: known fields: name

        error: duplicate key `a`
         --> m/a.yaml:4:1
          |
        4 | a: 3
          | ^ set a second time
          |
         ::: m/a.yaml:1:1
          |
        1 | a: 1
          | - first set here

        3 problems in 1 file
        "#);
    }

    #[test]
    fn equal_warnings_are_shown_once_with_the_places_of_the_others() {
        let text = "a: 1\nb: 2\nc: 3\nd: 4\ne: 5\nf: 6\ng: 7\nh: 8\n";
        let (files, span) = at(text, "a");
        let line = |number: usize| Span { start: 5 * number, end: 5 * number + 1, ..span };
        let mut list = Problems::default();
        for number in 0..7 {
            list.at(line(number), format!("DatabricksJob/j{number} logs nowhere"), "here").help("say where");
        }
        list.at(line(7), "DatabricksJob/j7 logs nowhere", "here").help("another way");
        insta::assert_snapshot!(warnings(&files, &list.clone().sorted(), PLAIN), @r#"
        warning: DatabricksJob/j0 logs nowhere
         --> m/a.yaml:1:1
          |
        1 | a: 1
          | ^ here
          |
          = help: say where
        and 6 more like it: m/a.yaml:2, m/a.yaml:3, m/a.yaml:4, m/a.yaml:5, m/a.yaml:6 and 1 more, which `--output json` lists

        warning: DatabricksJob/j7 logs nowhere
         --> m/a.yaml:8:1
          |
        8 | h: 8
          | ^ here
          |
          = help: another way

        8 warnings in 1 file
        "#);
        // Mistakes are told one by one, and so are secrets.
        assert_eq!(problems(&files, &[], PLAIN), "");
        let mut secrets = Problems::default();
        for number in 0..2 {
            secrets.at(line(number), "a secret", "").secret();
        }
        assert_eq!(warnings(&files, &secrets.sorted(), PLAIN).matches("warning: a secret").count(), 2);
        // However many there are, one excerpt is made.
        let many: Vec<Problem> = std::iter::repeat_n(list.clone().sorted().remove(0), 10_000).collect();
        let shown = warnings(&files, &many, PLAIN);
        assert!(shown.lines().count() < 12 && shown.contains("and 9999 more like it"), "{shown}");
    }

    #[test]
    fn escapes_and_cuts() {
        let long = format!("k: {}\u{1b}[31mred\u{202e}{}\n", "x".repeat(5_000_000), "y".repeat(5_000_000));
        let (files, span) = at(&long, "red");
        let mut list = Problems::default();
        list.at(span, "bad \u{1b}[0m\n::error::", "here\u{7}");
        let text = problems(&files, &list.clone().sorted(), Style { colour: true, ..PLAIN });
        assert!(text.len() < 2_000, "{}", text.len());
        assert!(text.contains("m/a.yaml:1:5000009"), "{text}");
        assert!(text.contains("\\u001b[31mred\\u202e") && text.contains("bad \\u001b[0m\\u000a::error::"), "{text}");
        let plain = problems(&files, &list.clone().sorted(), PLAIN);
        assert!(!plain.contains(|c: char| c.is_control() && c != '\n'), "{plain:?}");
    }

    #[test]
    fn places_at_the_ends_of_lines_and_files() {
        let (files, span) = at("a: [1\r\n", "\r");
        for start in [span.start, span.end, span.end + 1] {
            let place = Span { start, end: start, ..span };
            let mut list = Problems::default();
            list.at(place, "stuck", "here");
            assert!(problems(&files, &list.sorted(), PLAIN).contains("^ here"));
        }
    }

    #[test]
    fn a_help_is_as_narrow_as_the_terminal() {
        let text = format!("{}nmae: 1\n", "\n".repeat(122));
        let (files, span) = at(&text, "nmae");
        let known: Vec<String> = (10..40).map(|number| format!("field_{number}")).collect();
        let mut list = Problems::default();
        list.at(span, "unknown field `nmae`", "").help(format!("known fields: {}", known.join(", ")));
        let list = list.sorted();
        let mut lines = Vec::new();
        for width in [1, 40, 60, 80, 1_000] {
            let shown = problems(&files, &list, Style { width, ..PLAIN });
            assert!(shown.lines().all(|line| line.len() <= width.max(NARROWEST)), "{width}:\n{shown}");
            assert!(known.iter().all(|field| shown.contains(field)), "{width}:\n{shown}");
            lines.push(shown.lines().count());
        }
        assert!(lines.windows(2).all(|two| two[0] >= two[1]) && lines[3] > lines[4], "{lines:?}");
        let at_80 = problems(&files, &list, Style { width: 80, ..PLAIN });
        let first = "    = help: known fields: field_10, field_11, field_12, field_13, field_14,\n            field_15";
        assert!(at_80.contains(first), "{at_80}");
    }

    #[test]
    fn json_has_places() {
        let (files, span) = at("a: 1\nünmae: x\n", "nmae");
        let mut list = Problems::default();
        list.at(span, "unknown", "label");
        assert_eq!(
            problems_json(&files, &list.sorted()),
            json!({"problems": [{"file": "m/a.yaml", "line": 2, "column": 2, "end": {"line": 2, "column": 6},
                "message": "unknown", "label": "label"}]})
        );
    }
}
