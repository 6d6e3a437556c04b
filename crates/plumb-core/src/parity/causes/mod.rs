//! Why two outputs differ: which cause, where, and by which examples. It never changes a verdict.
//!
//! [`Explain`] asks one statement after the other and reads their answers: first the differences themselves, which DuckDB
//! keeps as a table `x`, then what is counted of them. What costs much is read once: that join, and a column or two of both
//! sides for shares and histograms.
//!
//! | step | statement |
//! |---|---|
//! | `differences` | DuckDB only: the rows that differ or that one side lacks, at most some 250,000 of each kind |
//! | `causes` | of how many differing cells each hypothesis holds ([`table`]) |
//! | `causes again` | only where most, not all cells share an offset, or where both sides may hold the same values |
//! | `rows` | what explains rows that only one side has |
//! | `profile` | least and largest values of both sides |
//! | `where` | the differences by the values of some columns |
//! | `histogram` | bins of both sides |
//! | `examples` | cells and rows |

mod cell;
mod cells;
mod differences;
mod examples;
mod facts;
mod rows;
mod shown;
mod sides;
mod spread;
mod table;
#[cfg(test)]
#[path = "tests.rs"]
mod tests;

use super::result::{ColumnResult, OutputResult};
use super::sql::{Dialect, JoinCounts, Joined, SqlRow, Statement};
use cell::ColumnHolds;
use differences::Differences;
use facts::Facts;
use rows::RowFacts;
use sides::Profile;
use spread::{Candidate, Values};
use std::collections::VecDeque;

/// How many columns one statement asks of.
const COLUMNS: usize = 40;

/// What is asked next.
#[derive(Clone, Debug, PartialEq, Eq)]
enum CauseStep {
    Keep,
    /// Of these columns that differ, by their places in `columns`.
    Causes(std::ops::Range<usize>),
    Again,
    Rows,
    Profile,
    Where,
    Histogram,
    Examples,
    RowExamples,
}

/// One column that differs.
struct Column {
    /// Its place in the plan's cells.
    at: usize,
    /// The place of the first cell that differs in the same rows; its own where there is none.
    same_as: usize,
    facts: Facts,
    result: ColumnResult,
}

/// Explains the differences of one output.
pub struct Explain<'e> {
    differences: Differences<'e>,
    counts: &'e JoinCounts,
    todo: VecDeque<CauseStep>,
    columns: Vec<Column>,
    candidates: Vec<Candidate>,
    profile: Profile,
    values: Values,
    row_facts: RowFacts,
    row_examples: Vec<super::result::RowExample>,
    notes: Vec<String>,
}

impl<'e> Explain<'e> {
    /// What there is to explain of a join that differs. Its path has to be the one by which `counts` were made.
    pub fn new(joined: &'e Joined<'e>, dialect: &'e dyn Dialect, counts: &'e JoinCounts) -> Explain<'e> {
        let differences = Differences::new(joined, dialect, counts);
        let columns: Vec<Column> = joined
            .plan
            .cells
            .iter()
            .zip(&counts.cells)
            .enumerate()
            .filter(|(_, (_, counted))| counted.differing > 0)
            .map(|(at, (cell, counted))| Column {
                at,
                same_as: at,
                facts: Facts::of(ColumnHolds::of(joined.form_of(false, at)), cell.sensitive),
                result: ColumnResult {
                    name: cell.name.clone(),
                    old_type: cell.old_type.to_string(),
                    new_type: cell.new_type.to_string(),
                    differing: counted.differing,
                    explanations: Vec::new(),
                    sampled: differences.is_sampled(),
                    examples: Vec::new(),
                    histogram: None,
                    sensitive: cell.sensitive,
                },
            })
            .collect();
        let has_rows = counts.only_old + counts.only_new > 0;
        let mut todo = VecDeque::new();
        if !columns.is_empty() || has_rows {
            todo.push_back(CauseStep::Keep);
            let mut from = 0;
            // Also without columns: which values the rows have that one side lacks.
            loop {
                let to = columns.len().min(from + COLUMNS);
                todo.push_back(CauseStep::Causes(from..to));
                from = to;
                if from == columns.len() {
                    break;
                }
            }
            todo.extend([
                CauseStep::Again,
                CauseStep::Rows,
                CauseStep::Profile,
                CauseStep::Where,
                CauseStep::Histogram,
                CauseStep::Examples,
                CauseStep::RowExamples,
            ]);
        }
        Explain {
            candidates: spread::candidates(joined),
            differences,
            counts,
            todo,
            columns,
            profile: Profile::default(),
            values: Values::default(),
            row_facts: RowFacts::default(),
            row_examples: Vec::new(),
            notes: Vec::new(),
        }
    }

    /// The next statement; `None` at the end. Its rows go to [`Explain::answer`].
    pub fn ask(&mut self) -> Option<Statement> {
        while let Some(ask) = self.todo.front() {
            let d = &self.differences;
            let statement = match ask {
                CauseStep::Keep => d.keep(),
                CauseStep::Causes(range) => {
                    let is_first = range.start == 0;
                    let candidates = if is_first { self.candidates.as_slice() } else { &[] };
                    Some(cells::statement(d, &self.columns[range.clone()], candidates))
                }
                CauseStep::Again => cells::again(d, &self.columns),
                CauseStep::Rows => rows::statement(d, self.counts),
                CauseStep::Profile => sides::profile(d, &self.columns, self.counts),
                CauseStep::Where => spread::statement(d, &self.candidates, self.counts),
                CauseStep::Histogram => sides::histogram(d, &self.profile, &self.columns),
                CauseStep::Examples => examples::cells(d, &self.columns),
                CauseStep::RowExamples => examples::rows(d, self.counts),
            };
            if statement.is_some() {
                return statement;
            }
            self.todo.pop_front();
        }
        None
    }

    /// Takes the rows of the statement that was asked last.
    ///
    /// # Errors
    /// What is wrong with the answer. The explanation goes on without it.
    pub fn answer(&mut self, answer: &[SqlRow]) -> Result<(), String> {
        match self.todo.pop_front() {
            None | Some(CauseStep::Keep) => Ok(()),
            Some(CauseStep::Causes(range)) => {
                let is_first = range.start == 0;
                let candidates = if is_first { self.candidates.as_mut_slice() } else { &mut [] };
                cells::read(&self.differences, &mut self.columns[range], candidates, answer)
            }
            Some(CauseStep::Again) => cells::read_again(&mut self.columns, answer),
            Some(CauseStep::Rows) => rows::read(&mut self.row_facts, answer),
            Some(CauseStep::Profile) => {
                sides::read_profile(&mut self.profile, &self.differences, &self.columns, self.counts, answer)
            }
            Some(CauseStep::Where) => spread::read(&mut self.values, &self.candidates, answer),
            Some(CauseStep::Histogram) => sides::read_histogram(&self.profile, &mut self.columns, answer),
            Some(CauseStep::Examples) => examples::read_cells(&self.differences, &mut self.columns, answer),
            Some(CauseStep::RowExamples) => {
                self.row_examples = examples::read_rows(&self.differences, answer);
                Ok(())
            }
        }
    }

    /// Goes on without the statement that was asked last, and says so in the result: an engine could not run it. The counts
    /// stand without any of this.
    pub fn failed(&mut self, why: &str) {
        match self.todo.pop_front() {
            // Everything else stands on that.
            Some(CauseStep::Keep) => {
                self.todo.clear();
                self.notes.push(format!("what differs is counted, and not explained: {why}"));
            }
            Some(ask) => self.notes.push(format!("{} could not be found out: {why}", about(&ask))),
            None => {}
        }
    }

    /// Fills in the causes, where the differences are, and examples, all with their values: they have to be masked after this.
    pub fn finish(mut self, result: &mut OutputResult) {
        let matched = self.counts.matched;
        for column in &mut self.columns {
            column.facts.has_equal_cells = match self.profile.values_of_old(column.at) {
                Some(values) => values > self.counts.only_old + column.result.differing,
                None => matched > column.result.differing,
            };
            let (cause, explanations) = column.facts.explain();
            column.result.explanations = explanations;
            if let Some(cause) = cause {
                result.causes.insert(column.result.name.clone(), cause.to_owned());
            }
        }
        let joined = self.differences.joined;
        let explained =
            rows::explain(joined, self.counts, &self.row_facts, &self.candidates, &self.values, &self.profile);
        if let Some((under, cause)) = explained.cause {
            result.causes.entry(under.to_owned()).or_insert_with(|| cause.to_owned());
        }
        result.rows = explained.explanations;
        result.notes.extend(explained.notes);
        result.spread = spread::spread(self.counts, &self.candidates, &self.values);
        result.same_rows = cells::same_rows(&self.columns);
        result.row_examples = self.row_examples;
        result.columns = self.columns.into_iter().map(|column| column.result).collect();
        result.notes.extend(self.notes);
    }
}

fn about(ask: &CauseStep) -> &'static str {
    match ask {
        CauseStep::Keep | CauseStep::Causes(_) | CauseStep::Again => "causes",
        CauseStep::Rows => "why rows are missing",
        CauseStep::Profile | CauseStep::Histogram => "histograms",
        CauseStep::Where => "where the differences are",
        CauseStep::Examples | CauseStep::RowExamples => "examples",
    }
}
