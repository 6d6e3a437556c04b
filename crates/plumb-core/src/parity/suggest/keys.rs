//! Which columns name a row: the fewest whose values are different in every row of both sides.

use crate::parity::sql::{Dialect, Form, Joined, SqlRow, Statement, Writer, number, same_name};
use crate::parity::types::DataType;

/// A key has at most so many columns.
const MOST_COLUMNS: usize = 3;
/// Of so many columns all pairs are looked at, and of so many all triples.
const PAIRED: [usize; MOST_COLUMNS] = [usize::MAX, 12, 9];
/// So many sets of one size are counted exactly: each costs a scan of both sides.
const MOST_COUNTED: usize = 6;
/// Buckets of an approximate count: as many as a whole number has room for.
const BUCKETS: u64 = 1 << 62;

/// Columns that name a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundKeys {
    pub names: Vec<String>,
    /// How many there are on each side: as many as rows.
    pub old: u64,
    pub new: u64,
    /// How many both sides have.
    pub common: u64,
}

/// Looks for keys: it asks one statement after the other, and reads their answers.
pub struct KeySearch<'p> {
    joined: &'p Joined<'p>,
    dialect: &'p dyn Dialect,
    rows: [u64; 2],
    /// About how many different values each column has, `[old, new]`, once that is known.
    about: Vec<[u64; 2]>,
    stage: KeyStage,
    /// Whether times are looked at too. A time may name a row by chance, so they come last.
    with_times: bool,
    /// Columns that are different in every row, of which hardly any value is on both sides.
    strangers: Vec<usize>,
    /// Keys of the present size that some rows have on one side alone.
    best: Option<FoundKeys>,
    found: Option<FoundKeys>,
}

enum KeyStage {
    /// About how many different values these sets have.
    About(Vec<Vec<usize>>),
    /// How many exactly, one set after the other, and how many columns the sets after them have.
    Exactly(Vec<Vec<usize>>, usize),
    End,
}

impl<'p> KeySearch<'p> {
    /// A search among the columns of a bag. `wanted` is tried first.
    pub fn new(joined: &'p Joined<'p>, dialect: &'p dyn Dialect, rows: [u64; 2], wanted: &[String]) -> KeySearch<'p> {
        let place = |name: &String| joined.plan.keys.iter().position(|column| same_name(&column.name, name));
        let wanted: Option<Vec<usize>> = wanted.iter().map(place).collect();
        let stage = match wanted.filter(|wanted| !wanted.is_empty()) {
            Some(wanted) => KeyStage::Exactly(vec![wanted], 1),
            None => KeyStage::About(Vec::new()),
        };
        let mut search = KeySearch {
            joined,
            dialect,
            rows,
            about: vec![[0, 0]; joined.plan.keys.len()],
            stage,
            with_times: false,
            strangers: Vec::new(),
            best: None,
            found: None,
        };
        if matches!(search.stage, KeyStage::About(_)) {
            search.look_at(1);
        }
        search
    }

    /// The next statement; `None` at the end.
    pub fn ask(&self) -> Option<Statement> {
        match &self.stage {
            KeyStage::About(sets) => Some(self.about(sets)),
            KeyStage::Exactly(sets, _) => sets.first().map(|set| self.exactly(set)),
            KeyStage::End => None,
        }
    }

    /// Takes the rows of the statement that was asked last.
    ///
    /// # Errors
    /// What is wrong with the answer.
    pub fn answer(&mut self, rows: &[SqlRow]) -> Result<(), String> {
        match std::mem::replace(&mut self.stage, KeyStage::End) {
            KeyStage::About(sets) => self.read_about(sets, rows),
            KeyStage::Exactly(sets, next) => self.read_exactly(sets, next, rows),
            KeyStage::End => Ok(()),
        }
    }

    /// The keys, and what was seen on the way.
    pub fn finish(self) -> (Option<FoundKeys>, Vec<String>) {
        if self.found.is_some() {
            return (self.found, Vec::new());
        }
        let keys = &self.joined.plan.keys;
        let says = |at: &usize| {
            let name = &keys[*at].name;
            format!("`{name}` is different in every row, and hardly any value of it is on both sides: it names no row")
        };
        let notes = self.strangers.iter().map(says).collect();
        (None, notes)
    }

    /// Begins with the sets of so many columns.
    fn look_at(&mut self, size: usize) {
        let fewest = self.rows.map(|rows| rows.div_ceil(2));
        let mut columns: Vec<usize> = (0..self.about.len()).filter(|at| self.may_name(*at)).collect();
        if size > 1 {
            columns.retain(|at| self.about[*at].iter().all(|about| *about > 1) && !self.strangers.contains(at));
            columns.sort_by_key(|at| (self.score(*at), std::cmp::Reverse(self.about[*at][0]), *at));
            columns.truncate(PAIRED[size - 1]);
            columns.sort_unstable();
        }
        let mut sets = combinations(&columns, size);
        if size > 1 {
            // A set has no more values than its columns have combinations.
            sets.retain(|set| {
                (0..2).all(|side| {
                    let most = set.iter().map(|at| u128::from(self.about[*at][side])).product::<u128>();
                    most >= u128::from(fewest[side])
                })
            });
        }
        self.stage = match (sets.is_empty(), size) {
            (false, _) => KeyStage::About(sets),
            (true, _) => return self.after(if columns.is_empty() { MOST_COLUMNS } else { size }),
        };
    }

    /// Whether a column's type can be part of a key.
    fn may_name(&self, at: usize) -> bool {
        match self.joined.form_of(true, at) {
            // What has a fraction is measured, and names nothing.
            Form::Plain(DataType::Decimal { scale, .. }) => *scale == 0,
            Form::Plain(DataType::Binary) | Form::Split { .. } => false,
            Form::Plain(of_type) => !of_type.is_nested() && !of_type.is_floating() && of_type.other().is_none(),
            Form::Micros => self.with_times,
        }
    }

    /// How little a column looks like a key: by its name, then by its type.
    fn score(&self, at: usize) -> u8 {
        let name = self.joined.plan.keys[at].name.to_lowercase();
        let of_name = match name.as_str() {
            "id" | "key" | "uuid" | "guid" => 0,
            name if ["_id", "_key", "_uuid", "_no", "_nr", "_code"].iter().any(|end| name.ends_with(end)) => 1,
            name if name.ends_with("id") || name.ends_with("key") => 2,
            _ => 3,
        };
        let of_type = match self.joined.form_of(true, at) {
            Form::Plain(DataType::Integer(_) | DataType::String) => 0,
            Form::Plain(DataType::Date | DataType::Boolean) => 1,
            _ => 4,
        };
        of_name + of_type
    }

    fn columns(set: &[usize]) -> Vec<String> {
        set.iter().map(|at| format!("k{at}")).collect()
    }

    fn about(&self, sets: &[Vec<usize>]) -> Statement {
        let w = Writer::new(self.dialect);
        let side = |name: &str, is_old: bool| {
            let counts: Vec<String> = sets
                .iter()
                .enumerate()
                .map(|(i, set)| {
                    let value = self.dialect.bucket(&Self::columns(set), BUCKETS);
                    format!("{} AS c{i}", self.dialect.to_text(&format!("approx_count_distinct({value})")))
                })
                .collect();
            format!("SELECT '{name}' AS side, {} FROM ({}) s", counts.join(", "), self.joined.side(&w, is_old))
        };
        let text = format!("{} UNION ALL {}", side("old", true), side("new", false));
        w.statement("keys", text)
    }

    fn read_about(&mut self, sets: Vec<Vec<usize>>, rows: &[SqlRow]) -> Result<(), String> {
        let row = |side: &str| rows.iter().find(|row| row.first().and_then(Option::as_deref) == Some(side));
        let (Some(old), Some(new)) = (row("old"), row("new")) else {
            return Err("the engine did not count the values of both sides".into());
        };
        let size = sets.first().map_or(1, Vec::len);
        let mut counted = Vec::new();
        for (i, set) in sets.into_iter().enumerate() {
            let about = [number(old, i + 1)?, number(new, i + 1)?];
            if let [at] = set.as_slice() {
                self.about[*at] = about;
            }
            // Of ten million different values nine were counted: half is far from what a key can have.
            if about.iter().zip(self.rows).all(|(about, rows)| *about >= rows.div_ceil(2)) {
                counted.push(set);
            }
        }
        counted.sort_by_key(|set| (set.iter().map(|at| u32::from(self.score(*at))).sum::<u32>(), set.clone()));
        counted.truncate(MOST_COUNTED);
        if counted.is_empty() {
            self.after(size)
        } else {
            self.stage = KeyStage::Exactly(counted, size + 1)
        }
        Ok(())
    }

    /// Goes on with larger sets, then with times.
    fn after(&mut self, size: usize) {
        if size < MOST_COLUMNS {
            self.look_at(size + 1);
        } else if self.with_times {
            self.stage = KeyStage::End;
        } else {
            self.with_times = true;
            let has_times = (0..self.about.len()).any(|at| *self.joined.form_of(true, at) == Form::Micros);
            if has_times { self.look_at(1) } else { self.stage = KeyStage::End }
        }
    }

    fn exactly(&self, set: &[usize]) -> Statement {
        let w = Writer::new(self.dialect);
        let columns = Self::columns(set).join(", ");
        let side = |is_old: bool| format!("SELECT DISTINCT {columns} FROM ({}) s", self.joined.side(&w, is_old));
        let count = |from: &str| self.dialect.to_text(&format!("(SELECT count(*) FROM {from})"));
        let text = format!(
            "WITH o AS ({}), n AS ({}) SELECT {} AS o, {} AS n, {} AS b",
            side(true),
            side(false),
            count("o"),
            count("n"),
            // Null is null there, in either engine.
            count("(SELECT * FROM o INTERSECT SELECT * FROM n) b")
        );
        w.statement("keys exactly", text)
    }

    fn read_exactly(&mut self, mut sets: Vec<Vec<usize>>, next: usize, rows: &[SqlRow]) -> Result<(), String> {
        let [row] = rows else { return Err("the engine did not count the keys".into()) };
        let [old, new, common] = [number(row, 0)?, number(row, 1)?, number(row, 2)?];
        let set = sets.remove(0);
        let is_unique = [old, new] == self.rows;
        if is_unique && common * 2 >= old.min(new) {
            let names = set.iter().map(|at| self.joined.plan.keys[*at].name.clone()).collect();
            let keys = FoundKeys { names, old, new, common };
            if common == old.min(new) {
                self.found = Some(keys);
                return Ok(());
            }
            if self.best.as_ref().is_none_or(|best| best.common < common) {
                self.best = Some(keys);
            }
        } else if let ([at], true) = (set.as_slice(), is_unique && !self.strangers.contains(&set[0])) {
            self.strangers.push(*at);
        }
        if !sets.is_empty() {
            self.stage = KeyStage::Exactly(sets, next);
        } else if self.best.is_some() {
            self.found = self.best.take();
        } else if next == 1 {
            self.look_at(1);
        } else {
            self.after(next - 1);
        }
        Ok(())
    }
}

/// All sets of so many of these.
fn combinations(of: &[usize], size: usize) -> Vec<Vec<usize>> {
    if size == 0 {
        return vec![Vec::new()];
    }
    let mut all = Vec::new();
    for (i, first) in of.iter().enumerate() {
        for rest in combinations(&of[i + 1..], size - 1) {
            all.push([first].into_iter().chain(&rest).copied().collect());
        }
    }
    all
}
