//! One column that differs, as SQL over the relation of differences.

use crate::parity::sql::{Form, Writer};
use crate::parity::types::DataType;

/// What a column holds, as far as the hypotheses care.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ColumnHolds {
    Text,
    Whole,
    Decimal {
        precision: u8,
        scale: u8,
    },
    /// A decimal in two parts, with that many digits behind the point.
    Split {
        scale: u8,
    },
    Floating {
        is_double: bool,
    },
    Boolean,
    Date,
    /// Microseconds since 1970.
    Time,
    /// An array, or the entries of a map.
    List,
    Other,
}

impl ColumnHolds {
    pub fn of(form: &Form) -> ColumnHolds {
        match form {
            Form::Micros => ColumnHolds::Time,
            Form::Split { scale } => ColumnHolds::Split { scale: *scale },
            Form::Plain(DataType::String) => ColumnHolds::Text,
            Form::Plain(DataType::Integer(_)) => ColumnHolds::Whole,
            Form::Plain(DataType::Decimal { precision, scale }) => {
                ColumnHolds::Decimal { precision: *precision, scale: *scale }
            }
            Form::Plain(of @ (DataType::Float | DataType::Double)) => {
                ColumnHolds::Floating { is_double: *of == DataType::Double }
            }
            Form::Plain(DataType::Boolean) => ColumnHolds::Boolean,
            Form::Plain(DataType::Date) => ColumnHolds::Date,
            Form::Plain(DataType::Array(_) | DataType::Map(..)) => ColumnHolds::List,
            Form::Plain(_) => ColumnHolds::Other,
        }
    }

    pub fn is_number(self) -> bool {
        self.is_exact() || matches!(self, ColumnHolds::Floating { .. } | ColumnHolds::Split { .. })
    }

    /// A number that SQL subtracts to the last digit.
    pub fn is_exact(self) -> bool {
        matches!(self, ColumnHolds::Whole | ColumnHolds::Decimal { .. })
    }

    pub fn is_day_or_time(self) -> bool {
        matches!(self, ColumnHolds::Date | ColumnHolds::Time)
    }

    /// Whether its values can be told apart by a few of them: differences are counted by such columns.
    pub fn is_category(self) -> bool {
        matches!(
            self,
            ColumnHolds::Text | ColumnHolds::Whole | ColumnHolds::Boolean | ColumnHolds::Date | ColumnHolds::Time
        )
    }
}

/// Microseconds of a day.
pub(super) const DAY: i64 = 86_400_000_000;

/// Both values of a cell, as expressions.
pub(super) struct Cell<'w, 'd> {
    pub w: &'w Writer<'d>,
    pub holds: ColumnHolds,
    pub a: String,
    pub b: String,
}

impl<'w, 'd> Cell<'w, 'd> {
    /// The cell of a column in the relation of differences.
    pub fn of(w: &'w Writer<'d>, holds: ColumnHolds, at: usize) -> Cell<'w, 'd> {
        Cell { w, holds, a: format!("ov{at}"), b: format!("nv{at}") }
    }

    /// The same with both sides exchanged.
    pub fn mirrored(&self) -> Cell<'w, 'd> {
        Cell { w: self.w, holds: self.holds, a: self.b.clone(), b: self.a.clone() }
    }

    /// A value as a number that can be calculated with: a decimal where that is exact, else a double.
    pub fn number(&self, value: &str) -> String {
        let double = DataType::Double;
        match self.holds {
            ColumnHolds::Whole => self.w.cast(value, &DataType::Decimal { precision: 20, scale: 0 }),
            // Spark takes a digit off the scale of a difference that needs 39 digits.
            ColumnHolds::Decimal { precision: 38, scale } => {
                self.w.try_cast(value, &DataType::Decimal { precision: 37, scale: scale.min(37) })
            }
            ColumnHolds::Split { .. } => {
                let part = |name: &str| self.w.cast(&format!("{value}.{}", self.w.dialect.quote(name)), &double);
                format!("({} + {})", part("whole"), part("rest"))
            }
            ColumnHolds::Floating { is_double: false } => self.w.cast(value, &double),
            _ => value.to_owned(),
        }
    }

    /// A value as a double.
    pub fn double(&self, value: &str) -> String {
        match self.holds {
            ColumnHolds::Whole | ColumnHolds::Decimal { .. } => self.w.cast(value, &DataType::Double),
            _ => self.number(value),
        }
    }

    /// How much more `b` is than `a`: a number, days or microseconds.
    pub fn apart(&self) -> String {
        let d = self.w.dialect;
        match self.holds {
            ColumnHolds::Date => format!("({} - {})", d.days(&self.b), d.days(&self.a)),
            ColumnHolds::Floating { .. } | ColumnHolds::Split { .. } => {
                format!("({} - {})", self.number(&self.b), self.number(&self.a))
            }
            // Numbers are narrow already.
            _ => d.attempt_subtract(&self.number(&self.b), &self.number(&self.a), (37, 0)),
        }
    }

    /// Whether both are finite: anything but a double is.
    pub fn is_finite(&self) -> String {
        if !matches!(self.holds, ColumnHolds::Floating { .. }) {
            return "true".into();
        }
        let infinity = self.w.cast("'Infinity'", &DataType::Double);
        let is_finite = |value: &str| format!("abs({}) < {infinity}", self.number(value));
        format!("({} AND {})", is_finite(&self.a), is_finite(&self.b))
    }

    /// Whether a number has no more than so many digits behind the point.
    pub fn has_places(&self, value: &str, places: u8) -> String {
        let number = self.number(value);
        match self.holds {
            ColumnHolds::Whole => "true".into(),
            ColumnHolds::Decimal { scale, .. } if places >= scale => "true".into(),
            ColumnHolds::Decimal { .. } => format!("{number} = round({number}, {places})"),
            _ => {
                let scaled = format!("({number} * {})", self.power(places));
                // Above that a double has no digits left.
                format!(
                    "(abs({scaled}) < {} AND abs({scaled} - round({scaled}, 0)) <= {} * greatest({}, abs({scaled})))",
                    self.w.double(1e15),
                    self.w.double(1e-12),
                    self.w.double(1.0)
                )
            }
        }
    }

    /// 10 to the power of `places`, as a double.
    fn power(&self, places: u8) -> String {
        self.w.double(10f64.powi(i32::from(places)))
    }

    /// How many of a unit both are apart, compared with a number of halves: `operator` is `<=`, `<` or `=`, `halves` 1 or 2.
    pub fn apart_in_halves(&self, places: u8, operator: &str, halves: u8) -> String {
        let apart = self.apart();
        if self.holds.is_exact() {
            let unit = DataType::Decimal { precision: places + 2, scale: places + 1 };
            let text = match halves {
                1 => format!("'0.{}5'", "0".repeat(usize::from(places))),
                _ if places == 0 => "'1.0'".to_owned(),
                _ => format!("'0.{}10'", "0".repeat(usize::from(places) - 1)),
            };
            return format!("abs({apart}) {operator} {}", self.w.cast(&text, &unit));
        }
        let scaled = format!("abs({apart}) * {}", self.power(places));
        let bound = f64::from(halves) / 2.0;
        match operator {
            "=" => format!("abs({scaled} - {}) <= {}", self.w.double(bound), self.w.double(1e-6)),
            "<" => format!("{scaled} < {}", self.w.double(bound - 1e-6)),
            _ => format!("{scaled} <= {}", self.w.double(bound + 1e-6)),
        }
    }

    /// A text, number or day as its digits.
    pub fn digits(&self, value: &str) -> String {
        let d = self.w.dialect;
        let text = match self.holds {
            ColumnHolds::Text => value.to_owned(),
            ColumnHolds::Time => d.to_text(&d.date(&d.divided(value, &DAY.to_string()))),
            _ => d.to_text(value),
        };
        d.without(&text, &self.w.text("[^0-9]"))
    }

    /// The number of a value's day.
    pub fn day(&self, value: &str) -> String {
        let d = self.w.dialect;
        if self.holds == ColumnHolds::Time { d.divided(value, &DAY.to_string()) } else { d.days(value) }
    }

    /// How far apart both are, in days or microseconds, of one day.
    pub fn one_day(&self) -> i64 {
        if self.holds == ColumnHolds::Time { DAY } else { 1 }
    }
}
