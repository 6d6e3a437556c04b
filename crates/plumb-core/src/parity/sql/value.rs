//! The value of a cell, in a form that both sides share: what is compared.

use super::Writer;
use crate::kinds::emr::compare::{Trim, TruncateTo};
use crate::parity::plan::{ColumnRule, ComparedColumn};
use crate::parity::types::DataType;

/// In which form a column is compared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Form {
    /// As a value of a type that holds both sides' values without loss.
    Plain(DataType),
    /// As whole part and rest: no decimal has room for both.
    Split {
        /// The digits of the rest.
        scale: u8,
    },
    /// As microseconds since 1970.
    Micros,
}

/// The form in which values of two types are compared. `None` when they cannot be: the types changed.
pub fn form(old: &DataType, new: &DataType, rule: &ColumnRule) -> Option<Form> {
    let is_time = |of: &DataType| matches!(of, DataType::Timestamp | DataType::TimestampNtz);
    if is_time(old) && is_time(new) {
        return (old == new || rule.zone.is_some()).then_some(Form::Micros);
    }
    let (old, new) = (rounded(old, rule), rounded(new, rule));
    if let (Some((old_whole, old_scale)), Some((new_whole, new_scale))) = (digits(&old), digits(&new)) {
        let (whole, scale) = (old_whole.max(new_whole), old_scale.max(new_scale));
        let is_decimal = |of: &DataType| matches!(of, DataType::Decimal { .. });
        if (is_decimal(&old) || is_decimal(&new)) && whole + scale > 38 {
            let both = is_decimal(&old) && is_decimal(&new);
            return both.then_some(Form::Split { scale });
        }
    }
    common(&old, &new).map(Form::Plain)
}

/// A decimal, once its rule has rounded it.
fn rounded(of_type: &DataType, rule: &ColumnRule) -> DataType {
    match (of_type, rule.scale) {
        (DataType::Decimal { precision, scale }, Some(places)) if places < *scale => {
            // Rounding up may need one more digit.
            let precision = (precision - scale + places + 1).min(38);
            DataType::Decimal { precision, scale: places }
        }
        _ => of_type.clone(),
    }
}

/// The digits before and after the point of a whole number or a decimal.
fn digits(of_type: &DataType) -> Option<(u8, u8)> {
    match of_type {
        DataType::Decimal { precision, scale } => Some((precision - scale, *scale)),
        DataType::Integer(8) => Some((3, 0)),
        DataType::Integer(16) => Some((5, 0)),
        DataType::Integer(32) => Some((10, 0)),
        DataType::Integer(_) => Some((19, 0)),
        _ => None,
    }
}

/// The type that holds the values of both without loss.
fn common(old: &DataType, new: &DataType) -> Option<DataType> {
    match (old, new) {
        (DataType::Integer(a), DataType::Integer(b)) => Some(DataType::Integer(*a.max(b))),
        (DataType::Float | DataType::Double, DataType::Float | DataType::Double) => {
            Some(if old == new { old.clone() } else { DataType::Double })
        }
        (DataType::Array(a), DataType::Array(b)) => Some(DataType::Array(Box::new(common(a, b)?))),
        (DataType::Map(ak, av), DataType::Map(bk, bv)) => {
            Some(DataType::Map(Box::new(common(ak, bk)?), Box::new(common(av, bv)?)))
        }
        (DataType::Struct(a), DataType::Struct(b)) if a.len() == b.len() => {
            let members = a.iter().map(|(name, of)| Some((name.clone(), common(of, &member(b, name)?.1)?)));
            members.collect::<Option<Vec<_>>>().map(DataType::Struct)
        }
        (DataType::Other(_), _) | (_, DataType::Other(_)) => None,
        _ if old == new => Some(old.clone()),
        _ => {
            let ((a, a_scale), (b, b_scale)) = (digits(old)?, digits(new)?);
            // A decimal that could not hold every number of the other type is another type.
            let is_wide = |decimal: &DataType, whole: u8, other: u8| {
                matches!(decimal, DataType::Decimal { .. }) && whole >= other
            };
            let both = matches!((old, new), (DataType::Decimal { .. }, DataType::Decimal { .. }));
            let scale = a_scale.max(b_scale);
            (both || is_wide(old, a, b) || is_wide(new, b, a))
                .then(|| DataType::Decimal { precision: a.max(b) + scale, scale })
                .filter(|of| matches!(of, DataType::Decimal { precision, .. } if *precision <= 38))
        }
    }
}

/// A member of a struct. Names are compared as Spark does: without case.
fn member<'m>(members: &'m [(String, DataType)], name: &str) -> Option<&'m (String, DataType)> {
    members.iter().find(|(own, _)| own == name).or_else(|| members.iter().find(|(own, _)| same_name(own, name)))
}

/// Whether two names are the same to Spark.
pub(crate) fn same_name(a: &str, b: &str) -> bool {
    a == b || a.to_lowercase() == b.to_lowercase()
}

/// The value of a column of one side, in the form that both share.
pub(super) fn value(w: &Writer<'_>, column: &ComparedColumn, form: &Form, is_old: bool) -> String {
    let d = w.dialect;
    let (name, own) = if is_old { (&column.old, &column.old_type) } else { (&column.new, &column.new_type) };
    let rule = &column.rule;
    let mut value = d.quote(name);
    if let (Some(places), DataType::Decimal { .. }) = (rule.scale, own) {
        value = format!("round({value}, {places})");
    }
    match form {
        Form::Micros => {
            let zone = rule.zone.as_deref().filter(|_| column.old_type != column.new_type);
            value = match zone.filter(|_| *own == DataType::TimestampNtz) {
                Some(zone) => d.micros_in_zone(&value, &w.text(zone)),
                None => d.micros(&value, own),
            };
            let unit = match rule.truncate {
                None => return value,
                Some(TruncateTo::Day) => "86400000000",
                Some(TruncateTo::S) => "1000000",
                Some(TruncateTo::Ms) => "1000",
            };
            format!("({value} - {})", d.modulo(&value, unit))
        }
        Form::Split { scale } => {
            let whole = w.cast(&d.whole(&value), &DataType::Decimal { precision: 38, scale: 0 });
            let rest = w.cast(&format!("({value} % 1)"), &DataType::Decimal { precision: 38, scale: *scale });
            d.structure(&[("whole".to_owned(), whole), ("rest".to_owned(), rest)])
        }
        Form::Plain(DataType::String) => text(w, value, rule),
        Form::Plain(of_type) => {
            let value = canonical(w, &value, own, of_type, 0);
            if rule.any_order && matches!(of_type, DataType::Array(_)) { d.sorted(&value) } else { value }
        }
    }
}

fn text(w: &Writer<'_>, mut value: String, rule: &ColumnRule) -> String {
    if let Some(trim) = rule.trim {
        value = w.dialect.trimmed(&value, trim == Trim::Both);
    }
    if rule.any_case {
        value = format!("lower({value})");
    }
    if rule.nfc {
        value = w.dialect.composed(&value);
    }
    if rule.empty_is_null {
        value = format!("nullif({value}, '')");
    }
    value
}

/// Whether values of a type have to be rewritten before they can be compared.
fn is_ready(own: &DataType, wanted: &DataType) -> bool {
    match (own, wanted) {
        (DataType::Float | DataType::Double | DataType::Map(..), _) => false,
        (DataType::Array(a), DataType::Array(b)) => is_ready(a, b),
        (DataType::Struct(a), DataType::Struct(b)) => {
            a.iter().zip(b).all(|((a_name, a), (b_name, b))| a_name == b_name && is_ready(a, b))
        }
        _ => own == wanted,
    }
}

/// A value as `wanted`: -0.0 as 0.0, members of a struct in one order, a map as its entries in order.
fn canonical(w: &Writer<'_>, value: &str, own: &DataType, wanted: &DataType, depth: usize) -> String {
    let d = w.dialect;
    if is_ready(own, wanted) {
        return value.to_owned();
    }
    match (own, wanted) {
        (DataType::Float | DataType::Double, _) => {
            let value = if own == wanted { value.to_owned() } else { w.cast(value, wanted) };
            format!("({value} + {})", w.cast("0", wanted))
        }
        (DataType::Array(item), DataType::Array(wanted)) => {
            let variable = format!("x{depth}");
            d.each(value, &variable, &canonical(w, &variable, item, wanted, depth + 1))
        }
        (DataType::Struct(members), DataType::Struct(wanted)) => {
            let members: Vec<(String, String)> = wanted
                .iter()
                .filter_map(|(name, wanted)| {
                    let (own, of_type) = member(members, name)?;
                    let value = format!("{value}.{}", d.quote(own));
                    Some((name.clone(), canonical(w, &value, of_type, wanted, depth)))
                })
                .collect();
            // A struct of nulls is not a null.
            format!("(CASE WHEN {value} IS NULL THEN NULL ELSE {} END)", d.structure(&members))
        }
        (DataType::Map(key, item), DataType::Map(wanted_key, wanted_item)) => {
            let entries = d.entries(value);
            if is_ready(key, wanted_key) && is_ready(item, wanted_item) {
                return d.sorted(&entries);
            }
            let variable = format!("x{depth}");
            let key = canonical(w, &format!("{variable}.{}", d.quote("key")), key, wanted_key, depth + 1);
            let item = canonical(w, &format!("{variable}.{}", d.quote("value")), item, wanted_item, depth + 1);
            let entry = d.structure(&[("key".to_owned(), key), ("value".to_owned(), item)]);
            d.sorted(&d.each(&entries, &variable, &entry))
        }
        _ => w.cast(value, wanted),
    }
}

/// How far two numbers are apart, and whether that is within the rule. `None` for what has no distance.
pub(super) fn distance(
    w: &Writer<'_>,
    column: &ComparedColumn,
    form: &Form,
    a: &str,
    b: &str,
) -> Option<(String, String)> {
    let rule = &column.rule;
    if !rule.is_tolerant() {
        return None;
    }
    let double = DataType::Double;
    match form {
        Form::Plain(DataType::Double | DataType::Float) => {
            let (a, b) = match form {
                Form::Plain(DataType::Float) => (w.cast(a, &double), w.cast(b, &double)),
                _ => (a.to_owned(), b.to_owned()),
            };
            Some((format!("abs({a} - {b})"), doubles_within(w, rule, &a, &b)))
        }
        Form::Plain(of @ (DataType::Decimal { .. } | DataType::Integer(_))) => {
            let (precision, scale) = match of {
                DataType::Decimal { precision, scale } => (*precision, *scale),
                _ => (20, 0),
            };
            let decimal = DataType::Decimal { precision, scale };
            let (x, y) = (w.cast(a, &decimal), w.cast(b, &decimal));
            let apart = format!("abs({})", w.dialect.attempt_subtract(&x, &y, (precision, scale)));
            let (a, b) = (w.cast(a, &double), w.cast(b, &double));
            Some((apart.clone(), decimals_within(w, rule, &apart, (&x, &y, precision, scale), (&a, &b))))
        }
        Form::Split { .. } => {
            let whole = |side: &str| format!("{side}.{}", w.dialect.quote("whole"));
            let rest = |side: &str| format!("{side}.{}", w.dialect.quote("rest"));
            let number = |side: &str| format!("({} + {})", w.cast(&whole(side), &double), w.cast(&rest(side), &double));
            let (a, b) = (number(a), number(b));
            Some((format!("abs({a} - {b})"), doubles_within(w, rule, &a, &b)))
        }
        Form::Plain(_) | Form::Micros => None,
    }
}

/// |a − b| ≤ max(abs, rel · max(|a|, |b|)), both finite. The bound counts.
fn doubles_within(w: &Writer<'_>, rule: &ColumnRule, a: &str, b: &str) -> String {
    let infinity = w.cast("'Infinity'", &DataType::Double);
    let abs = rule.abs.map(|abs| w.double(abs));
    let rel = rule.rel.map(|rel| format!("{} * greatest(abs({a}), abs({b}))", w.double(rel)));
    let bound = match (abs, rel) {
        (Some(abs), Some(rel)) => format!("greatest({abs}, {rel})"),
        (Some(one), None) | (None, Some(one)) => one,
        (None, None) => return "false".into(),
    };
    format!("coalesce(abs({a}) < {infinity} AND abs({b}) < {infinity} AND abs({a} - {b}) <= {bound}, false)")
}

/// The same in decimals, to the last digit; where a product or both sides of `<=` have no room, in doubles.
fn decimals_within(
    w: &Writer<'_>,
    rule: &ColumnRule,
    apart: &str,
    (x, y, precision, scale): (&str, &str, u8, u8),
    (a, b): (&str, &str),
) -> String {
    let mut tests = Vec::new();
    if let Some(abs) = rule.abs {
        let in_doubles = doubles_within(w, &ColumnRule { abs: Some(abs), ..ColumnRule::default() }, a, b);
        tests.push(match exact(w, abs) {
            Some((abs, _)) => format!("coalesce({}, {in_doubles})", w.dialect.attempt_at_most(apart, &abs)),
            None => in_doubles,
        });
    }
    if let Some(rel) = rule.rel {
        let largest = format!("greatest(abs({x}), abs({y}))");
        let in_doubles = doubles_within(w, &ColumnRule { rel: Some(rel), ..ColumnRule::default() }, a, b);
        let product = exact(w, rel)
            .and_then(|(rel, digits)| w.dialect.attempt_multiply((&rel, digits), (&largest, precision, scale)));
        tests.push(match product {
            Some(product) => format!("coalesce({}, {in_doubles})", w.dialect.attempt_at_most(apart, &product)),
            None => in_doubles,
        });
    }
    format!("({})", tests.join(" OR "))
}

/// A number as the decimal that a person wrote, `1e-9`, and its precision.
fn exact(w: &Writer<'_>, value: f64) -> Option<(String, u8)> {
    let text = format!("{value}");
    let (whole, rest) = text.split_once('.').unwrap_or((&text, ""));
    let (whole, scale) = (u8::try_from(whole.len()).ok()?, u8::try_from(rest.len()).ok()?);
    // A product has both factors' digits after the point; more than these and little room is left.
    (scale <= 18 && whole + scale <= 38)
        .then(|| (w.cast(&format!("'{text}'"), &DataType::Decimal { precision: whole + scale, scale }), whole + scale))
}
