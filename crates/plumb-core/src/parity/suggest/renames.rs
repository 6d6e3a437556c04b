//! Columns that have another name in new: by their values, once rows are known by keys.

use crate::kinds::emr::compare::CompareOutput;
use crate::parity::plan::{ColumnRule, ComparedColumn, OutputPlan};
use crate::parity::schema::DescribedSide;
use crate::parity::sql::{Dialect, JoinCounts, JoinPath, Joined, SqlRow, Statement, form, same_name};

/// So many pairs of columns are compared.
const MOST_PAIRS: usize = 60;

/// The columns that only one side has, and that nothing ignores: of old, and of new.
fn alone<'s>(output: &CompareOutput, old: &'s DescribedSide, new: &'s DescribedSide) -> [Vec<&'s ColumnType>; 2] {
    let is_ignored = |name: &str| output.ignore.iter().flatten().any(|ignored| same_name(&ignored.column, name));
    let is_mapped = |name: &str, is_old: bool| {
        output.map.iter().flatten().any(|(from, to)| same_name(if is_old { from } else { to }, name))
    };
    let only = |own: &'s DescribedSide, other: &DescribedSide, is_old: bool| {
        let columns = own.columns.iter().filter(|(name, _)| {
            !is_ignored(name) && !is_mapped(name, is_old) && !other.columns.iter().any(|(is, _)| same_name(is, name))
        });
        columns.collect::<Vec<_>>()
    };
    [only(old, new, true), only(new, old, false)]
}

/// A column's name and type.
type ColumnType = (String, crate::parity::types::DataType);

/// The only column that each side has alone, where both are of one type.
pub fn only_pair(output: &CompareOutput, old: &DescribedSide, new: &DescribedSide) -> Option<(String, String)> {
    match alone(output, old, new).each_ref().map(Vec::as_slice) {
        [[(old, old_type)], [(new, new_type)]] if old_type == new_type => Some((old.clone(), new.clone())),
        _ => None,
    }
}

/// The comparison of each column that only old has with each that only new has.
pub struct Renames {
    plan: OutputPlan,
    rows: u64,
}

impl Renames {
    /// `None` where no pair can be compared. `plan` has the keys.
    pub fn new(
        output: &CompareOutput,
        plan: &OutputPlan,
        old: &DescribedSide,
        new: &DescribedSide,
        rows: [u64; 2],
    ) -> Option<Renames> {
        let [only_old, only_new] = alone(output, old, new);
        let mut cells = Vec::new();
        for (old, old_type) in only_old {
            for (new, new_type) in &only_new {
                let rule = ColumnRule::default();
                if form(old_type, new_type, &rule).is_some() {
                    cells.push(ComparedColumn {
                        name: new.clone(),
                        old: old.clone(),
                        new: new.clone(),
                        old_type: old_type.clone(),
                        new_type: new_type.clone(),
                        rule,
                        sensitive: true,
                    });
                }
            }
        }
        cells.truncate(MOST_PAIRS);
        let has_work = !cells.is_empty() && !plan.keys.is_empty();
        let plan = OutputPlan { cells, expect: Vec::new(), ..plan.clone() };
        has_work.then_some(Renames { plan, rows: rows[0].saturating_add(rows[1]) })
    }

    fn joined(&self) -> Joined<'_> {
        Joined::new(&self.plan, JoinPath::Unique { limit: self.rows.saturating_add(1) })
    }

    /// The statement that compares.
    pub fn statement(&self, dialect: &dyn Dialect) -> Statement {
        self.joined().counts(dialect)
    }

    /// The columns that hold the same in most rows: that of old, that of new, and why. Each is in one pair at most.
    ///
    /// # Errors
    /// What is wrong with the answer.
    pub fn read(&self, dialect: &dyn Dialect, rows: &[SqlRow]) -> Result<Vec<(String, String, String)>, String> {
        let counts = JoinCounts::read(&self.joined(), dialect, rows)?;
        let mut pairs: Vec<(u64, &ComparedColumn)> =
            counts.cells.iter().zip(&self.plan.cells).map(|(cell, column)| (cell.differing, column)).collect();
        pairs.retain(|(differing, _)| differing * 2 < counts.matched);
        pairs.sort_by_key(|(differing, _)| *differing);
        let mut found: Vec<(String, String, String)> = Vec::new();
        for (differing, column) in pairs {
            if !found.iter().any(|(old, new, _)| *old == column.old || *new == column.new) {
                let (same, of) = (counts.matched - differing, counts.matched);
                let why = format!(
                    "`{}` is in old only and `{}` in new only; {same} of {of} values are the same",
                    column.old, column.new
                );
                found.push((column.old.clone(), column.new.clone(), why));
            }
        }
        Ok(found)
    }
}
