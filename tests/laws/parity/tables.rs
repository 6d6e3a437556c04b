//! Random tables: of few values, so that rows and keys meet, and of those that engines get wrong.

use plumb_core::parity::types::DataType;
use proptest::prelude::*;
use serde_json::{Value as Json, json};
use std::fmt::Write as _;

/// A cell.
#[derive(Clone, Debug, PartialEq, PartialOrd)]
pub enum Cell {
    Null,
    /// As JSON has it: `1`, `"NaN"`.
    Token(String),
    Text(String),
    List(Vec<Cell>),
    /// Entries in the order in which they are written.
    Map(Vec<(String, Cell)>),
    /// The members `x` and `y`.
    Record(Box<[Cell; 2]>),
}

/// The type of a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Of {
    Int,
    Big,
    Text,
    Day,
    Instant,
    Decimal,
    Double,
    Wall,
    List,
    Map,
    Record,
}

/// The types that a key may have come first.
const TYPES: [Of; 11] = [
    Of::Int,
    Of::Big,
    Of::Text,
    Of::Day,
    Of::Instant,
    Of::Decimal,
    Of::Double,
    Of::Wall,
    Of::List,
    Of::Map,
    Of::Record,
];
const KEY_TYPES: usize = 6;

/// What counts as equal in a column.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Rule {
    Exact,
    Abs(f64),
    Rel(f64),
    Trim,
    AnyCase,
    EmptyIsNull,
    AnyOrder,
    Seconds,
}

#[derive(Clone, Debug)]
pub struct Column {
    pub name: String,
    pub of: Of,
    pub rule: Rule,
}

pub type Row = Vec<Cell>;

/// Columns, of which the first `keys` name a row, and rows.
#[derive(Clone, Debug)]
pub struct Table {
    pub columns: Vec<Column>,
    pub keys: usize,
    pub rows: Vec<Row>,
}

/// Something that is done to a table: where, what, and by which of the values.
pub type Edit = (u8, u8, u8, u8);

fn token(text: &str) -> Cell {
    Cell::Token(text.to_owned())
}

fn quoted(text: &str) -> Cell {
    Cell::Token(format!("\"{text}\""))
}

impl Of {
    pub fn spark(self) -> &'static str {
        match self {
            Of::Int => "int",
            Of::Big => "bigint",
            Of::Text => "string",
            Of::Day => "date",
            Of::Instant => "timestamp",
            Of::Decimal => "decimal(38,18)",
            Of::Double => "double",
            Of::Wall => "timestamp_ntz",
            Of::List => "array<string>",
            Of::Map => "map<string,int>",
            Of::Record => "struct<x:int,y:array<double>>",
        }
    }

    pub fn data_type(self) -> DataType {
        DataType::from_spark(self.spark()).unwrap()
    }

    /// Its values: null first.
    fn pool(self) -> Vec<Cell> {
        let null = || Cell::Null;
        let text = |text: &str| Cell::Text(text.to_owned());
        let map = |entries: &[(&str, Cell)]| {
            Cell::Map(entries.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect())
        };
        let record = |x, y| Cell::Record(Box::new([x, y]));
        let list = |items: &[Cell]| Cell::List(items.to_vec());
        let mut pool = vec![null()];
        pool.extend(match self {
            Of::Int => ["0", "1", "-1", "2147483647", "-2147483648"].map(token).to_vec(),
            Of::Big => {
                // Two that are one as doubles.
                ["0", "9007199254740992", "9007199254740993", "9223372036854775807", "-9223372036854775808"]
                    .map(token)
                    .to_vec()
            }
            Of::Text => {
                ["", " ", "a", "A", "a ", "é", "e\u{301}", "it's \"q\" \\", "NULL", "日本", "a,b\nc"].map(text).to_vec()
            }
            Of::Day => ["1970-01-01", "2024-02-29", "1582-10-14", "9999-12-31", "0001-01-01"].map(quoted).to_vec(),
            Of::Instant | Of::Wall => [
                "2024-03-31 01:00:00",
                "2024-03-31 01:00:00.000001",
                "2024-03-31 02:00:00",
                "1900-01-01 00:00:00",
                "1969-12-31 23:59:59.999999",
            ]
            .map(quoted)
            .to_vec(),
            Of::Decimal => [
                "0",
                "0.000000000000000001",
                "12345678901234567890.123456789012345678",
                "12345678901234567890.123456789012345679",
                "-1.5",
            ]
            .map(quoted)
            .to_vec(),
            Of::Double => {
                let mut doubles = ["0.0", "-0.0", "1.5", "1.5000000001", "1e308", "5e-324", "0.30000000000000004"]
                    .map(token)
                    .to_vec();
                doubles.extend(["NaN", "Infinity", "-Infinity"].map(quoted));
                doubles
            }
            Of::List => {
                let (a, b) = (text("a"), text("b"));
                vec![
                    list(&[]),
                    list(&[null()]),
                    list(std::slice::from_ref(&a)),
                    list(&[a.clone(), b.clone()]),
                    list(&[b.clone(), a.clone()]),
                    list(&[a, null()]),
                ]
            }
            Of::Map => vec![
                map(&[]),
                map(&[("a", token("1"))]),
                map(&[("a", token("1")), ("b", null())]),
                map(&[("b", null()), ("a", token("1"))]),
                map(&[("a", token("2")), ("é", token("1"))]),
            ],
            Of::Record => vec![
                record(null(), null()),
                record(token("1"), list(&[])),
                record(token("1"), list(&[quoted("NaN")])),
                record(token("1"), list(&[token("0.0")])),
                record(token("1"), list(&[token("-0.0"), null()])),
            ],
        });
        pool
    }

    fn rules(self) -> &'static [Rule] {
        match self {
            Of::Decimal => &[Rule::Exact, Rule::Abs(0.5), Rule::Rel(1e-9)],
            Of::Double => &[Rule::Exact, Rule::Abs(1e-6), Rule::Rel(1e-9)],
            Of::Text => &[Rule::Exact, Rule::Trim, Rule::AnyCase, Rule::EmptyIsNull],
            Of::List => &[Rule::Exact, Rule::AnyOrder],
            Of::Instant | Of::Wall => &[Rule::Exact, Rule::Seconds],
            _ => &[Rule::Exact],
        }
    }
}

impl Cell {
    fn json(&self, text: &mut String) {
        match self {
            Cell::Null => text.push_str("null"),
            Cell::Token(token) => text.push_str(token),
            Cell::Text(value) => text.push_str(&json!(value).to_string()),
            Cell::List(items) => {
                text.push('[');
                for (i, item) in items.iter().enumerate() {
                    text.push_str(if i == 0 { "" } else { "," });
                    item.json(text);
                }
                text.push(']');
            }
            Cell::Map(entries) => object(text, entries.iter().map(|(name, value)| (name.as_str(), value))),
            Cell::Record(members) => object(text, ["x", "y"].into_iter().zip(members.iter())),
        }
    }

    /// The same in all forms that mean the same.
    fn canonical(&self) -> Cell {
        match self {
            Cell::Token(token) if token == "-0.0" => self::token("0.0"),
            Cell::List(items) => Cell::List(items.iter().map(Cell::canonical).collect()),
            Cell::Map(entries) => {
                let mut entries = entries.clone();
                entries.sort_by(|a, b| a.0.cmp(&b.0));
                Cell::Map(entries)
            }
            Cell::Record(members) => Cell::Record(Box::new([members[0].canonical(), members[1].canonical()])),
            other => other.clone(),
        }
    }

    /// The number of a token.
    fn number(&self) -> Option<f64> {
        let Cell::Token(token) = self else { return None };
        token.trim_matches('"').parse().ok()
    }

    /// A decimal in units of its last place, of which there are 18.
    fn units(&self) -> Option<i128> {
        let Cell::Token(token) = self else { return None };
        let text = token.trim_matches('"');
        let (whole, rest) = text.split_once('.').unwrap_or((text, ""));
        format!("{whole}{rest:0<18}").parse().ok()
    }
}

fn object<'c>(text: &mut String, members: impl Iterator<Item = (&'c str, &'c Cell)>) {
    text.push('{');
    for (i, (name, value)) in members.enumerate() {
        write!(text, "{}{}:", if i == 0 { "" } else { "," }, json!(name)).unwrap();
        value.json(text);
    }
    text.push('}');
}

impl Column {
    /// Whether two cells are equal: what the documentation says, written once more and without SQL.
    pub fn same(&self, a: &Cell, b: &Cell) -> bool {
        let (a, b) = (self.ruled(a), self.ruled(b));
        if a == b {
            return true;
        }
        let within = |apart: f64, largest: f64| match self.rule {
            Rule::Abs(abs) => apart <= abs,
            Rule::Rel(rel) => apart <= rel * largest,
            _ => false,
        };
        match self.of {
            Of::Double => {
                let (Some(a), Some(b)) = (a.number(), b.number()) else { return false };
                a.is_finite() && b.is_finite() && within((a - b).abs(), a.abs().max(b.abs()))
            }
            Of::Decimal => {
                let (Some(a), Some(b)) = (a.units(), b.units()) else { return false };
                // The decimals here are equal, one unit apart or far apart.
                let number = |units: i128| units as f64 / 1e18;
                within(number((a - b).abs()), number(a.abs().max(b.abs())))
            }
            _ => false,
        }
    }

    /// A cell as its rule sees it.
    fn ruled(&self, cell: &Cell) -> Cell {
        match (self.rule, cell.canonical()) {
            (Rule::Trim, Cell::Text(text)) => Cell::Text(text.trim_matches(' ').to_owned()),
            (Rule::AnyCase, Cell::Text(text)) => Cell::Text(text.to_lowercase()),
            (Rule::EmptyIsNull, Cell::Text(text)) if text.is_empty() => Cell::Null,
            (Rule::AnyOrder, Cell::List(mut items)) => {
                items.sort_by(|a, b| a.partial_cmp(b).unwrap());
                Cell::List(items)
            }
            (Rule::Seconds, Cell::Token(token)) => {
                let token = token.trim_matches('"');
                self::token(token.split_once('.').map_or(token, |(seconds, _)| seconds))
            }
            (_, cell) => cell,
        }
    }

    /// A value that is another one.
    fn other(&self, cell: &Cell, pick: u8) -> Cell {
        let pool = self.of.pool();
        let at = usize::from(pick);
        let all = (0..pool.len()).map(|i| &pool[(at + i) % pool.len()]);
        all.into_iter().find(|other| !self.same(cell, other)).unwrap().clone()
    }
}

impl Table {
    fn built(keys: usize, types: &[(u8, u8)], rows: &[[u8; 6]]) -> Table {
        let columns: Vec<Column> = types
            .iter()
            .enumerate()
            .map(|(i, (of, rule))| {
                // The first one is exact, also without keys: by it tables are split.
                let of = TYPES[usize::from(*of) % if i < keys.max(1) { KEY_TYPES } else { TYPES.len() }];
                let rules = of.rules();
                let rule = if i < keys.max(1) { Rule::Exact } else { rules[usize::from(*rule) % rules.len()] };
                Column { name: format!("c{i} \"{}'", ["é", "x"][i % 2]), of, rule }
            })
            .collect();
        let row = |picks: &[u8; 6]| -> Row {
            columns
                .iter()
                .zip(picks)
                .map(|(column, pick)| {
                    let pool = column.of.pool();
                    pool[usize::from(*pick) % pool.len()].clone()
                })
                .collect()
        };
        let rows = rows.iter().map(row).collect();
        Table { columns, keys, rows }
    }

    /// Only the first row of each key.
    pub fn with_unique_keys(mut self) -> Table {
        let mut seen: Vec<Row> = Vec::new();
        let keys = self.keys;
        self.rows.retain(|row| {
            let key = row[..keys].to_vec();
            let is_new = !seen.contains(&key);
            seen.push(key);
            is_new
        });
        self
    }

    /// The rows once more, some of them changed, left out, doubled or new. Cells of keys stay.
    pub fn edited(&self, edits: &[Edit]) -> Table {
        let mut table = self.clone();
        for (row, what, column, pick) in edits {
            if table.rows.is_empty() {
                break;
            }
            let at = usize::from(*row) % table.rows.len();
            match what % 4 {
                0 => drop(table.rows.remove(at)),
                1 => table.rows.push(table.rows[at].clone()),
                _ => table.change(at, usize::from(*column), *pick),
            }
        }
        table
    }

    /// Puts another value into a cell.
    pub fn change(&mut self, row: usize, column: usize, pick: u8) {
        let cells = self.columns.len() - self.keys;
        if cells > 0 {
            let column = self.keys + column % cells;
            self.rows[row][column] = self.columns[column].other(&self.rows[row][column], pick);
        }
    }

    /// The rules, as a manifest has them.
    pub fn rules(&self) -> Vec<Json> {
        let rule = |column: &Column| {
            let (name, value) = match column.rule {
                Rule::Exact => return None,
                Rule::Abs(abs) => ("abs", json!(abs)),
                Rule::Rel(rel) => ("rel", json!(rel)),
                Rule::Trim => ("trim", json!("both")),
                Rule::AnyCase => ("case", json!("any")),
                Rule::EmptyIsNull => ("emptyIsNull", json!(true)),
                Rule::AnyOrder => ("order", json!("any")),
                Rule::Seconds => ("truncate", json!("s")),
            };
            Some(json!({"column": column.name, name: value, "reason": "a law"}))
        };
        self.columns.iter().filter_map(rule).collect()
    }

    pub fn key_names(&self) -> Vec<&str> {
        self.columns[..self.keys].iter().map(|column| column.name.as_str()).collect()
    }

    /// A row as a line of JSON.
    pub fn line(&self, row: &Row) -> String {
        let mut text = String::new();
        object(&mut text, self.columns.iter().map(|column| column.name.as_str()).zip(row));
        text.push('\n');
        text
    }
}

/// Tables with up to so many keys, and at least so many rows.
pub fn tables(keys: std::ops::RangeInclusive<usize>, fewest: usize) -> impl Strategy<Value = Table> {
    let types = prop::collection::vec((any::<u8>(), any::<u8>()), 3..=6);
    let rows = prop::collection::vec(prop::array::uniform6(any::<u8>()), fewest..=14);
    (keys, types, rows).prop_map(|(keys, types, rows)| Table::built(keys, &types, &rows))
}

pub fn edits() -> impl Strategy<Value = Vec<Edit>> {
    prop::collection::vec(any::<Edit>(), 0..=6)
}

/// Puts things into another order, the same one for the same seed.
pub fn shuffle<T>(items: &mut [T], seed: u64) {
    let mut state = seed | 1;
    for i in (1..items.len()).rev() {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        items.swap(i, usize::try_from(state >> 33).unwrap() % (i + 1));
    }
}
