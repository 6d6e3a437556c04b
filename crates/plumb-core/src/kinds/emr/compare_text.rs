//! Texts of a comparison with placeholders in them: `s3://bau/agg/month={period}/`.

use super::compare::PeriodUnit;
use plumb_model::yaml::nearest;

/// What stands for parts of a period in paths and in `where`. A week may be in two months, so it has no `{month}`.
pub fn placeholders(unit: PeriodUnit) -> &'static [&'static str] {
    match unit {
        PeriodUnit::Day => &["period", "year", "month", "day", "start", "end"],
        PeriodUnit::Month => &["period", "year", "month", "start", "end"],
        PeriodUnit::Week => &["period", "year", "start", "end"],
        PeriodUnit::None => &["period"],
    }
}

/// A text with its placeholders filled in by a function of their names.
///
/// # Errors
/// The first `{…}` of which the function knows nothing, or that does not end.
pub fn fill(text: &str, value: impl Fn(&str) -> Option<String>) -> Result<String, String> {
    let mut filled = String::new();
    let mut rest = text;
    while let Some(at) = rest.find(['{', '}']) {
        filled.push_str(&rest[..at]);
        let inner = rest[at..].strip_prefix('{').and_then(|inner| inner.split_once('}'));
        let Some((name, after)) = inner else {
            return Err(format!("`{}` has no other end", &rest[at..]));
        };
        filled.push_str(&value(name).ok_or_else(|| format!("`{{{name}}}` stands for nothing"))?);
        rest = after;
    }
    filled.push_str(rest);
    Ok(filled)
}

/// What is wrong with the placeholders of a text: what, and how to fix it.
pub fn unknown_placeholder(text: &str, unit: PeriodUnit) -> Option<(String, String)> {
    let known = placeholders(unit);
    let wrong = std::cell::RefCell::new(None);
    let filled = fill(text, |name| {
        if !known.contains(&name) {
            wrong.replace(Some(name.to_owned()));
            return None;
        }
        Some(String::new())
    });
    let why = filled.err()?;
    let listed = known.iter().map(|name| format!("`{{{name}}}`")).collect::<Vec<_>>().join(", ");
    let label = match wrong.into_inner() {
        None => "a placeholder is a name between `{` and `}`".to_owned(),
        Some(name) => match nearest(&name, known.iter().copied()) {
            Some(near) => format!("did you mean `{{{near}}}`?"),
            None if unit == PeriodUnit::Week && name == "month" => "a week may be in two months".to_owned(),
            None if unit == PeriodUnit::None && placeholders(PeriodUnit::Day).contains(&name.as_str()) => {
                "with `period: none` there is `{period}` alone".to_owned()
            }
            None => format!("expected one of {listed}"),
        },
    };
    Some((why, label))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_are_filled_in() {
        let value = |name: &str| (name == "period").then(|| "2024-05".to_owned());
        assert_eq!(fill("a/{period}/{period}.csv", value), Ok("a/2024-05/2024-05.csv".into()));
        assert_eq!(fill("ä/ö", value), Ok("ä/ö".into()));
        for (text, why) in [
            ("a/{perod}/", "`{perod}` stands for nothing"),
            ("{}", "`{}` stands for nothing"),
            ("{period", "`{period` has no other end"),
            ("a}b", "`}b` has no other end"),
            ("{{period}}", "`{{period}` stands for nothing"),
        ] {
            assert_eq!(fill(text, value), Err(why.into()), "{text}");
        }
    }

    #[test]
    fn a_wrong_placeholder_is_told_with_the_right_one() {
        let told = |text: &str, unit| unknown_placeholder(text, unit).map(|(_, label)| label);
        assert_eq!(told("{period}/{year}/{month}/{day}/{start}/{end}", PeriodUnit::Day), None);
        assert!(told("{day}", PeriodUnit::Month).is_some(), "a month has no one day");
        assert_eq!(told("{perod}", PeriodUnit::Month).as_deref(), Some("did you mean `{period}`?"));
        assert_eq!(told("{month}", PeriodUnit::Week).as_deref(), Some("a week may be in two months"));
        assert_eq!(told("{year}", PeriodUnit::None).as_deref(), Some("with `period: none` there is `{period}` alone"));
        assert_eq!(told("{x", PeriodUnit::Month).as_deref(), Some("a placeholder is a name between `{` and `}`"));
        let all = "expected one of `{period}`, `{year}`, `{start}`, `{end}`";
        assert_eq!(told("{region}", PeriodUnit::Week).as_deref(), Some(all));
    }
}
