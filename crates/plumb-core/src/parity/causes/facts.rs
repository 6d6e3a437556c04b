//! What was counted of one column that differs, and which cause that makes.

use super::cell::ColumnHolds;
use super::table::HYPOTHESES;
use crate::parity::result::Explanation;

/// What the engine said of the differing cells of a column.
#[derive(Clone, Debug)]
pub(super) struct Facts {
    pub holds: ColumnHolds,
    /// How many differing cells were looked at.
    pub of: u64,
    /// Whether no value may be said.
    pub is_hidden: bool,
    /// Whether other cells of the column have a value, and the same one.
    pub has_equal_cells: bool,
    /// How many cells are explained by an exchange of values; `None` where that was not looked at.
    pub permuted: Option<u64>,
    /// Of how many cells each condition holds, in the order of the hypotheses.
    pub counts: Vec<(String, u64)>,
    pub values: Vec<(&'static str, String)>,
    /// How many cells have the usual `shift` or `offset`, where not all have it.
    pub usual: Vec<(&'static str, u64)>,
}

impl Facts {
    pub fn of(holds: ColumnHolds, is_hidden: bool) -> Facts {
        Facts {
            holds,
            of: 0,
            is_hidden,
            has_equal_cells: false,
            permuted: None,
            counts: Vec::new(),
            values: Vec::new(),
            usual: Vec::new(),
        }
    }

    /// How many cells a condition holds of.
    pub fn count(&self, name: &str) -> u64 {
        self.counts.iter().find(|(own, _)| own == name).map_or(0, |(_, count)| *count)
    }

    fn raw(&self, name: &str) -> Option<&str> {
        self.values.iter().find(|(own, _)| *own == name).map(|(_, value)| value.as_str())
    }

    /// A value that may be said.
    pub fn value(&self, name: &str) -> Option<&str> {
        self.raw(name).filter(|_| !self.is_hidden)
    }

    pub fn double(&self, name: &str) -> Option<f64> {
        self.raw(name)?.parse().ok()
    }

    /// The least and the largest shift: days, or microseconds.
    pub fn shifts(&self) -> Option<(i64, i64)> {
        Some((self.raw("least_shift")?.parse().ok()?, self.raw("most_shift")?.parse().ok()?))
    }

    /// Whether all cells have the same `shift` or `offset`.
    fn is_constant(&self, what: &str) -> Option<bool> {
        let (least, most) = (format!("least_{what}"), format!("most_{what}"));
        if !matches!(self.holds, ColumnHolds::Floating { .. } | ColumnHolds::Split { .. }) {
            return Some(self.raw(&least)? == self.raw(&most)?);
        }
        // What a difference of doubles leaves behind its digits is noise.
        let (least, most) = (self.double(&least)?, self.double(&most)?);
        Some(most - least <= 1e-6 * most.abs().max(least.abs()))
    }

    /// The `shift` or `offset` of all cells or of most, and how many have it.
    pub fn usual(&self, what: &'static str) -> Option<(String, u64)> {
        if self.is_constant(what)? {
            return Some((self.raw(&format!("least_{what}"))?.to_owned(), self.count(what)));
        }
        let (_, count) = self.usual.iter().find(|(own, _)| *own == what)?;
        Some((self.raw(&format!("usual_{what}"))?.to_owned(), *count))
    }

    /// The value that most cells may have as their `shift` or `offset`, where not all have it.
    pub fn unconfirmed(&self, what: &'static str) -> Option<&str> {
        (self.is_constant(what) == Some(false)).then(|| self.raw(&format!("usual_{what}")))?
    }

    /// Whether both sides' cells may hold the same values: their least and largest ones are the same.
    pub fn may_be_permuted(&self) -> bool {
        let same = |what: &str| self.raw(&format!("{what}_old")) == self.raw(&format!("{what}_new"));
        self.of > 1 && self.raw("least_old").is_some() && same("least") && same("largest")
    }

    /// Of conditions that are counted by side, `name:new` and `name:old`: the side of which more hold, the other one, and how many.
    pub fn larger(&self, name: &str) -> Option<(&'static str, &'static str, u64)> {
        let (new, old) = (self.count(&format!("{name}:new")), self.count(&format!("{name}:old")));
        Some(if new >= old { ("new", "old", new) } else { ("old", "new", old) })
    }

    /// Of conditions that are counted by side and something else, `name:new:2`: those of which most hold. The first of several.
    pub fn most(&self, name: &str) -> Option<(&str, &str, u64)> {
        let mut best: Option<(&str, &str, u64)> = None;
        for (own, count) in &self.counts {
            let Some((side, at)) = own.strip_prefix(name).and_then(|rest| rest.strip_prefix(':')?.split_once(':'))
            else {
                continue;
            };
            if best.is_none_or(|(_, _, most)| *count > most) {
                best = Some((side, at, *count));
            }
        }
        best
    }

    /// The first hypothesis that explains nearly all, alone; else the three that explain most.
    ///
    /// A cause is named only in the first case: what explains half of the cells leaves the other half unexplained.
    pub fn explain(&self) -> (Option<&'static str>, Vec<Explanation>) {
        let tried = HYPOTHESES.iter().filter(|hypothesis| (hypothesis.fits)(self.holds)).filter_map(|hypothesis| {
            let (explains, says) = (hypothesis.judge)(self)?;
            Some((hypothesis.name, explains.min(self.of), says))
        });
        choose(self.of, tried.collect())
    }
}

/// Whether so many are nearly all: 99 %.
fn is_nearly_all(explains: u64, of: u64) -> bool {
    of > 0 && u128::from(explains) * 100 >= u128::from(of) * 99
}

/// Of hypotheses in their order: the cause alone, or the three best.
pub(super) fn choose(of: u64, tried: Vec<(&'static str, u64, String)>) -> (Option<&'static str>, Vec<Explanation>) {
    let explanation = |(cause, explains, says): &(&str, u64, String)| Explanation {
        cause: (*cause).to_owned(),
        explains: *explains,
        of,
        says: says.clone(),
    };
    if let Some(cause) = tried.iter().find(|(_, explains, _)| is_nearly_all(*explains, of)) {
        return (Some(cause.0), vec![explanation(cause)]);
    }
    let mut some: Vec<_> = tried.iter().filter(|(_, explains, _)| *explains > 0).collect();
    some.sort_by_key(|(_, explains, _)| std::cmp::Reverse(*explains));
    (None, some.into_iter().take(3).map(explanation).collect())
}
