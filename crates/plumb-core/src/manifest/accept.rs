//! What the service takes although the spec's type is another: brought into the spec's form before it is typed, so that
//! it is compared, hashed and sent like any other, and noted.
//!
//! Numbers and booleans where a map has texts: the service makes texts of them (databricks/cli issue 992: the API accepts
//! `"spark.sql.autoBroadcastJoinThreshold": -1`). Names of which the letter case means nothing: `github` for `gitHub`
//! (databricks-sdk-py jobs.GitSource).

use super::Warning;
use super::expand::text_of;
use super::walk::{element, member};
use plumb_model::schema::{Field, Rules, Shape};
use plumb_model::yaml::{Files, Node, Problem, Tree};

/// Brings a spec into the form that its type has.
pub(super) fn accept(spec: &mut Node, rules: &Rules, files: &Files, notes: &mut Vec<Warning>) {
    Accepting { rules, files, notes }.field(spec, &rules.root);
}

struct Accepting<'a> {
    rules: &'a Rules,
    files: &'a Files,
    notes: &'a mut Vec<Warning>,
}

impl Accepting<'_> {
    fn field(&mut self, node: &mut Node, field: &Field) {
        let is_text_map = matches!(&field.shape, Shape::Map(entry) if entry.text && matches!(entry.shape, Shape::Leaf));
        match &mut node.tree {
            Tree::Seq(items) => {
                if let Some(inner) = element(field) {
                    items.iter_mut().for_each(|item| self.field(item, inner));
                }
            }
            Tree::Map(entries) if is_text_map => entries.iter_mut().for_each(|entry| self.text(&mut entry.value)),
            Tree::Map(entries) => {
                for entry in entries {
                    if let Some(inner) = member(self.rules, field, &entry.key) {
                        self.field(&mut entry.value, inner);
                    }
                }
            }
            Tree::Str(_) => self.name(node, field),
            _ => {}
        }
    }

    /// A number or a boolean as a text. One that is not written as the service would write it is left for the reader to
    /// refuse: `1.10` would become `1.1`, and which of them is meant cannot be told.
    fn text(&mut self, node: &mut Node) {
        let (plain, what) = match &node.tree {
            Tree::Int(i) => (i.to_string(), "a number"),
            Tree::Float(f) if f.is_finite() => (f.to_string(), "a number"),
            Tree::Bool(b) => (b.to_string(), "a boolean"),
            _ => return,
        };
        let text = self.files.get(node.span.file).text.get(node.span.start..node.span.end);
        let is_written_so = match &node.tree {
            Tree::Bool(_) => text.is_none_or(|text| !text.eq_ignore_ascii_case(&plain) || text == plain),
            _ => text_of(node, self.files).as_deref() == Some(plain.as_str()),
        };
        if !is_written_so {
            return;
        }
        node.tree = Tree::Str(plain);
        let message = format!("{what} where a text belongs");
        let problem = Problem { span: Some(node.span), ..Problem::new(message, "sent as a text".to_owned()) };
        self.note("text", problem, "write it in quotes: other tools read the same line otherwise");
    }

    /// A name as the service spells it.
    fn name(&mut self, node: &mut Node, field: &Field) {
        let Some(written) = node.as_str().filter(|_| !field.names.is_empty()) else { return };
        let spelled = field.names.iter().find(|name| name.eq_ignore_ascii_case(written) && *name != written);
        let Some(spelled) = spelled.cloned() else { return };
        let message = format!("`{}` is spelled `{spelled}`", written.escape_debug());
        node.tree = Tree::Str(spelled.clone());
        let problem = Problem { span: Some(node.span), ..Problem::new(message, format!("read as `{spelled}`")) };
        self.note("spelling", problem, "the service takes both; editors know the service's own spelling");
    }

    fn note(&mut self, rule: &'static str, mut problem: Problem, help: &str) {
        problem.help(help);
        self.notes.push((rule, problem));
    }
}

#[cfg(test)]
#[path = "accept_tests.rs"]
mod tests;
