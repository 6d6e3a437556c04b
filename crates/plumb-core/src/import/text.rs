//! The merge of one manifest in the text of its file: values by edits that keep the layout, questions by their lines.
//!
//! Nothing is believed: after each edit the text is read, and one that did not do what it was to do is taken back.

use super::record::{DecisionComment, GeneratedManifest};
use super::values::{Differs, Edit, merge, steps, with};
use crate::manifest::document_of;
use crate::translate::find;
use plumb_model::address::Address;
use plumb_model::yaml::{Node, edit};
use serde_json::Value;
use std::collections::BTreeMap;

/// What became of a manifest that was there.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Text {
    pub text: String,
    pub differs: Vec<Differs>,
    /// Of each question that is generated now, whether it is still open: its comment stands and its value is as it was
    /// generated.
    pub open: Vec<bool>,
}

/// Merges what is generated now into a text; `None` when the manifest is not in it.
pub fn merged(text: &str, base: Option<&GeneratedManifest>, made: &GeneratedManifest) -> Option<Text> {
    let address = &made.address;
    let theirs = spec(text, address)?;
    let merged = merge(base.map(|base| &base.spec), &made.spec, &theirs);
    let mut out = Text { text: text.to_owned(), differs: merged.differs, open: Vec::new() };
    let asked = Asked::new(base, made, text, &theirs);
    for question in &asked.gone {
        let after = without(&out.text, question);
        out.take(address, after, &theirs);
    }
    let mut says = theirs;
    for change in merged.edits {
        match changed(&out.text, address, &says, &change) {
            Some((text, spec)) => (out.text, says) = (text, spec),
            None => {
                let steps = steps(&says, &change.way).unwrap_or_default();
                let theirs = steps.iter().try_fold(&says, |at, step| match step {
                    edit::Step::Key(key) => at.get(key),
                    edit::Step::Index(index) => at.get(index),
                });
                out.differs.push(Differs { way: change.way, theirs: theirs.cloned(), made: change.value, news: true });
            }
        }
    }
    for (old, new) in &asked.reworded {
        // One that stood inside a value that is another now went with it.
        let after = instead(&out.text, old, new);
        if !out.take(address, after, &says) {
            out.ask(address, new, &says);
        }
    }
    let mut stand = CommentCounts::default();
    for question in &asked.same {
        if !stand.takes(&out.text, question) {
            out.ask(address, question, &says);
        }
    }
    for question in &asked.fresh {
        out.ask(address, question, &says);
    }
    out.open = asked.open;
    Some(out)
}

impl Text {
    /// Takes a text, if it says the same; whether it did.
    fn take(&mut self, address: &Address, text: Option<String>, says: &Value) -> bool {
        let Some(text) = text.filter(|text| spec(text, address).as_ref() == Some(says)) else { return false };
        self.text = text;
        true
    }

    /// Puts a question above its line; where that cannot have a comment, the whole spec's can.
    fn ask(&mut self, address: &Address, question: &DecisionComment, says: &Value) {
        for place in [question.place.as_str(), ""] {
            if self.take(address, beside(&self.text, address, question, place), says) {
                break;
            }
        }
    }
}

/// What a manifest in a text says.
fn spec(text: &str, address: &Address) -> Option<Value> {
    Some(document_of(text, address)?.1.get("spec")?.to_json())
}

/// The text with a change carried out, and what it says then.
fn changed(text: &str, address: &Address, says: &Value, change: &Edit) -> Option<(String, Value)> {
    let (index, _) = document_of(text, address)?;
    let mut path = vec![edit::Step::Key("spec".into())];
    path.extend(steps(says, &change.way)?);
    let text = match &change.value {
        Some(value) => edit::set(text, index, &path, value),
        None => edit::remove(text, index, &path),
    };
    let wanted = with(says.clone(), change)?;
    let text = text.ok()?;
    (spec(&text, address)? == wanted).then_some((text, wanted))
}

/// What is to become of the questions.
#[derive(Default)]
struct Asked<'q> {
    /// Those that are no longer asked.
    gone: Vec<&'q DecisionComment>,
    /// Those that are asked in other words: the old ones and the new.
    reworded: Vec<(&'q DecisionComment, &'q DecisionComment)>,
    /// Those that are asked in the same words, and are open.
    same: Vec<&'q DecisionComment>,
    /// Those that are asked for the first time.
    fresh: Vec<&'q DecisionComment>,
    open: Vec<bool>,
}

impl<'q> Asked<'q> {
    fn new(base: Option<&'q GeneratedManifest>, made: &'q GeneratedManifest, text: &str, theirs: &Value) -> Self {
        // Without a base, a question that does not stand in the file was answered.
        let was = base.unwrap_or(made);
        let before = pairs(&was.questions, &made.questions);
        let mut asked = Asked::default();
        let mut stand = CommentCounts::default();
        for (question, before) in made.questions.iter().zip(&before) {
            let Some(before) = before.and_then(|index| was.questions.get(index)) else {
                asked.fresh.push(question);
                asked.open.push(true);
                continue;
            };
            let open = stand.takes(text, before) && !is_answered(question, &was.spec, theirs);
            match (open, before.lines == question.lines) {
                (true, true) => asked.same.push(question),
                (true, false) => asked.reworded.push((before, question)),
                (false, _) => {}
            }
            asked.open.push(open);
        }
        let gone = was.questions.iter().enumerate().filter(|(index, _)| !before.contains(&Some(*index)));
        asked.gone = gone.map(|(_, question)| question).collect();
        asked
    }
}

/// Of each question the one that it was, by its index. A question is the same when it is about the same place and says
/// the same, asks the same, or asks for the same reason: what is asked has figures in it, and reasons change with what
/// is run.
fn pairs(was: &[DecisionComment], made: &[DecisionComment]) -> Vec<Option<usize>> {
    let alike: [fn(&DecisionComment, &DecisionComment) -> bool; 3] =
        [|a, b| a.lines == b.lines, |a, b| a.lines.first() == b.lines.first(), |a, b| a.why == b.why];
    let mut pairs = vec![None; made.len()];
    for alike in alike {
        for index in 0..made.len() {
            if pairs[index].is_none() {
                let is_it = |(at, old): &(usize, &DecisionComment)| {
                    !pairs.contains(&Some(*at)) && old.place == made[index].place && alike(old, &made[index])
                };
                pairs[index] = was.iter().enumerate().find(is_it).map(|(at, _)| at);
            }
        }
    }
    pairs
}

/// Whether people have changed the value that a question is about, or set it where there was none. Of what holds many
/// values nobody can tell: there the comment counts alone.
fn is_answered(question: &DecisionComment, was: &Value, theirs: &Value) -> bool {
    let at = |spec: &Value| {
        let (pointer, there) = find(spec, &question.place);
        there.then(|| spec.pointer(&pointer).cloned()).flatten()
    };
    let is_one = |value: &Value| match value {
        Value::Object(_) => false,
        Value::Array(items) => !items.iter().any(|item| item.is_object() || item.is_array()),
        _ => true,
    };
    match (at(was), at(theirs)) {
        (Some(was), theirs) => is_one(&was) && theirs.as_ref() != Some(&was),
        (None, theirs) => theirs.is_some(),
    }
}

/// Counts comments that stand in a text, where several questions have the same words.
#[derive(Default)]
struct CommentCounts<'q>(BTreeMap<&'q [String], usize>);

impl<'q> CommentCounts<'q> {
    fn takes(&mut self, text: &str, question: &'q DecisionComment) -> bool {
        let taken = self.0.entry(&question.lines).or_default();
        *taken += 1;
        stands(text, question).len() >= *taken
    }
}

/// Where the lines of a question begin, and where they end.
fn stands(text: &str, question: &DecisionComment) -> Vec<(usize, usize)> {
    let mut starts = vec![0];
    starts.extend(text.match_indices('\n').map(|(at, _)| at + 1));
    let line = |i: usize| {
        let start = *starts.get(i)?;
        Some(text[start..starts.get(i + 1).copied().unwrap_or(text.len())].trim())
    };
    let is_at = |i: &usize| question.lines.iter().enumerate().all(|(n, wanted)| line(i + n) == Some(wanted.trim()));
    let end = |i: usize| starts.get(i + question.lines.len()).copied().unwrap_or(text.len());
    if question.lines.is_empty() {
        Vec::new()
    } else {
        (0..starts.len()).filter(is_at).map(|i| (starts[i], end(i))).collect()
    }
}

fn without(text: &str, question: &DecisionComment) -> Option<String> {
    let (start, end) = stands(text, question).first().copied()?;
    Some(format!("{}{}", &text[..start], &text[end..]))
}

fn instead(text: &str, old: &DecisionComment, new: &DecisionComment) -> Option<String> {
    let (start, end) = stands(text, old).first().copied()?;
    let block = lines(text, &text[start..], new);
    Some(format!("{}{block}{}", &text[..start], &text[end..]))
}

/// The lines of a question, as far to the right as a line that they stand above or instead of.
fn lines(text: &str, line: &str, question: &DecisionComment) -> String {
    let indent: String = line.chars().take_while(|c| *c == ' ').collect();
    let newline = if text.contains("\r\n") { "\r\n" } else { "\n" };
    question.lines.iter().map(|line| format!("{indent}{line}{newline}")).collect()
}

/// The text with a question above the line of a place in the spec, or of the nearest one around it.
fn beside(text: &str, address: &Address, question: &DecisionComment, place: &str) -> Option<String> {
    let (_, document) = document_of(text, address)?;
    let entry = document.entry("spec")?;
    let (pointer, _) = find(&entry.value.to_json(), place);
    let at = start(&entry.value, entry.key_span.start, &pointer)?;
    let line = text[..at].rfind('\n').map_or(0, |at| at + 1);
    let block = lines(text, &text[line..], question);
    Some(format!("{}{block}{}", &text[..line], &text[line..]))
}

/// Where the value at a JSON pointer begins, its key included. Inside a value in one line, that line counts.
fn start(node: &Node, from: usize, pointer: &str) -> Option<usize> {
    let (mut node, mut from) = (node, from);
    for token in pointer.split('/').skip(1) {
        let token = token.replace("~1", "/").replace("~0", "~");
        match node.entry(&token) {
            Some(entry) => (node, from) = (&entry.value, entry.key_span.start),
            None => {
                node = node.items().get(token.parse::<usize>().ok()?)?;
                from = node.span.start;
            }
        }
    }
    Some(from)
}

#[cfg(test)]
#[path = "text_tests.rs"]
mod tests;
