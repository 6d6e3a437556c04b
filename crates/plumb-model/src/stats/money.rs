//! Money: whole billionths of a currency's unit. Never a floating-point number, so sums of runs are the sum of a month.
//! AWS states prices of a second or a GB-hour with up to ten digits, of which those beyond the ninth are 0.

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::ops::{Add, Neg, Sub};
use std::str::FromStr;

/// How many of them a unit has.
const UNIT: i128 = 1_000_000_000;
/// How many of them a millionth has.
const MICRO: i128 = 1_000;

/// An amount in billionths of a unit. Which currency it is in, the price book says.
///
/// In JSON and YAML a decimal as text: `"0.192"`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Money(i128);

impl Money {
    /// Nothing.
    pub const ZERO: Money = Money(0);

    /// So many millionths.
    pub fn of_micros(micros: i128) -> Money {
        Money(micros * MICRO)
    }

    /// So many billionths.
    pub fn of_nanos(nanos: i128) -> Money {
        Money(nanos)
    }

    /// In millionths, rounded towards zero.
    pub fn micros(self) -> i128 {
        self.0 / MICRO
    }

    /// In billionths.
    pub fn nanos(self) -> i128 {
        self.0
    }

    /// A price times `numerator / denominator`, rounded half away from zero; `None` for a denominator of 0 and for what is
    /// too much.
    pub fn times(self, numerator: i128, denominator: i128) -> Option<Money> {
        let product = self.0.checked_mul(numerator)?;
        let half = denominator.checked_abs()? / 2;
        let (denominator, product) = if denominator < 0 { (-denominator, -product) } else { (denominator, product) };
        let rounded = if product < 0 { product.checked_sub(half)? } else { product.checked_add(half)? };
        rounded.checked_div(denominator).map(Money)
    }

    /// Rounded half away from zero to whole units.
    pub fn units(self) -> i128 {
        let half = if self.0 < 0 { -UNIT / 2 } else { UNIT / 2 };
        (self.0 + half) / UNIT
    }
}

impl Add for Money {
    type Output = Money;
    fn add(self, other: Money) -> Money {
        Money(self.0 + other.0)
    }
}

impl Sub for Money {
    type Output = Money;
    fn sub(self, other: Money) -> Money {
        Money(self.0 - other.0)
    }
}

impl Neg for Money {
    type Output = Money;
    fn neg(self) -> Money {
        Money(-self.0)
    }
}

impl std::iter::Sum for Money {
    fn sum<I: Iterator<Item = Money>>(all: I) -> Money {
        all.fold(Money::ZERO, Add::add)
    }
}

impl fmt::Display for Money {
    /// `405.25`: two digits behind the point at least, and as many as it has.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, rest) = (self.0.unsigned_abs() / UNIT.unsigned_abs(), self.0.unsigned_abs() % UNIT.unsigned_abs());
        let digits = format!("{rest:09}");
        let kept = digits.trim_end_matches('0').len().max(2);
        write!(f, "{}{whole}.{}", if self.0 < 0 { "-" } else { "" }, &digits[..kept])
    }
}

impl FromStr for Money {
    type Err = String;

    /// Reads `0.192`. No exponent, no sign but `-`, nine digits behind the point at most.
    fn from_str(text: &str) -> Result<Money, String> {
        let wrong = || {
            format!("`{text}` is no amount: expected a decimal like `0.192`, of nine digits behind the point at most")
        };
        let (sign, digits) = text.strip_prefix('-').map_or((1, text), |rest| (-1, rest));
        let (whole, rest) = digits.split_once('.').unwrap_or((digits, "0"));
        let is_number = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
        if !is_number(whole) || !is_number(rest) || rest.len() > 9 {
            return Err(wrong());
        }
        let whole: i128 = whole.parse().map_err(|_| wrong())?;
        let rest: i128 = format!("{rest:0<9}").parse().map_err(|_| wrong())?;
        let nanos = whole.checked_mul(UNIT).and_then(|m| m.checked_add(rest)).ok_or_else(wrong)?;
        Ok(Money(sign * nanos))
    }
}

impl Serialize for Money {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Money {
    /// From text, or from a number as YAML and JSON write it: its shortest decimal is meant.
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Money, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Written {
            Text(String),
            Whole(i64),
            Decimal(f64),
        }
        let text = match Written::deserialize(d)? {
            Written::Text(text) => text,
            Written::Whole(number) => number.to_string(),
            Written::Decimal(number) => number.to_string(),
        };
        text.parse().map_err(serde::de::Error::custom)
    }
}

impl JsonSchema for Money {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Money".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "description": "An amount as a decimal: 0.192, of nine digits behind the point at most.",
            "anyOf": [
                {"type": "string", "pattern": r"^-?\d+(\.\d{1,9})?$"},
                {"type": "number"}
            ]
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_decimal_is_read_and_written_as_it_is() {
        for (text, micros, shown) in
            [("0.192", 192_000, "0.192"), ("405", 405_000_000, "405.00"), ("-0.5", -500_000, "-0.50"), ("0", 0, "0.00")]
        {
            let money: Money = text.parse().unwrap();
            assert_eq!((money.micros(), money.to_string().as_str()), (micros, shown));
            assert_eq!(shown.parse(), Ok(money));
        }
        for bad in [
            "",
            "1e3",
            "0.1234567891",
            "1.",
            ".5",
            "+1",
            "--1",
            "1,5",
            "NaN",
            "9999999999999999999999999999999999999999",
        ] {
            assert!(bad.parse::<Money>().is_err(), "{bad}");
        }
        assert_eq!(serde_json::from_str::<Money>("0.192").unwrap(), "0.192".parse().unwrap());
        assert_eq!(serde_json::to_string(&Money::of_micros(15)).unwrap(), "\"0.000015\"");
    }

    #[test]
    fn a_product_is_rounded_once() {
        let price: Money = "0.192".parse().unwrap();
        assert_eq!(price.times(5400, 3600), Some(Money::of_micros(288_000)));
        assert_eq!(Money::of_nanos(1).times(1, 2), Some(Money::of_nanos(1)));
        assert_eq!(Money::of_nanos(-1).times(1, 2), Some(Money::of_nanos(-1)));
        assert_eq!((price.times(1, 0), Money::of_nanos(i128::MAX).times(2, 1)), (None, None));
        assert_eq!(("1.5".parse::<Money>().unwrap().units(), "-1.5".parse::<Money>().unwrap().units()), (2, -2));
    }
}
