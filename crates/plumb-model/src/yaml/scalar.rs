//! What an unquoted word means: the core schema of YAML 1.2.

/// The meaning of an unquoted scalar.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Scalar {
    Null,
    Bool(bool),
    Int(i64),
    Float(f64),
    /// Just text.
    Str,
    /// A number that neither an `i64` nor an `f64` can hold.
    TooBig,
}

/// Resolves an unquoted scalar. There is no `yes` and `no`, no `1_000`, no `12:30`; and digits after a leading zero stay
/// text, because YAML 1.1 reads them as octal, 1.2 as decimal, and account ids lose their zero either way.
pub fn resolve(text: &str) -> Scalar {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Scalar::Null,
        "true" | "True" | "TRUE" => return Scalar::Bool(true),
        "false" | "False" | "FALSE" => return Scalar::Bool(false),
        ".nan" | ".NaN" | ".NAN" => return Scalar::Float(f64::NAN),
        _ => {}
    }
    let (negative, unsigned) = match text.as_bytes()[0] {
        b'-' => (true, &text[1..]),
        b'+' => (false, &text[1..]),
        _ => (false, text),
    };
    if matches!(unsigned, ".inf" | ".Inf" | ".INF") {
        return Scalar::Float(if negative { f64::NEG_INFINITY } else { f64::INFINITY });
    }
    if unsigned.len() == text.len() {
        for (prefix, radix) in [("0x", 16), ("0o", 8)] {
            if let Some(digits) = text.strip_prefix(prefix) {
                let all = !digits.is_empty() && digits.chars().all(|c| c.is_digit(radix));
                return if all {
                    i64::from_str_radix(digits, radix).map_or(Scalar::TooBig, Scalar::Int)
                } else {
                    Scalar::Str
                };
            }
        }
    }
    let leading_zero = unsigned.len() > 1 && unsigned.starts_with('0') && unsigned.as_bytes()[1].is_ascii_digit();
    if leading_zero || !is_number(unsigned) {
        return Scalar::Str;
    }
    if unsigned.bytes().all(|b| b.is_ascii_digit()) {
        return text.parse().map_or(Scalar::TooBig, Scalar::Int);
    }
    match text.parse::<f64>() {
        Ok(f) if f.is_finite() => Scalar::Float(f),
        Ok(_) => Scalar::TooBig,
        Err(_) => Scalar::Str,
    }
}

/// `( \. [0-9]+ | [0-9]+ ( \. [0-9]* )? ) ( [eE] [-+]? [0-9]+ )?`
fn is_number(text: &str) -> bool {
    let digits = |s: &str| s.bytes().all(|b| b.is_ascii_digit());
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((m, e)) => (m, Some(e.strip_prefix(['-', '+']).unwrap_or(e))),
        None => (text, None),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    digits(whole)
        && digits(fraction)
        && whole.len() + fraction.len() > 0
        && exponent.is_none_or(|e| !e.is_empty() && digits(e))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_mean_what_yaml_1_2_says() {
        for (text, want) in [
            ("", Scalar::Null),
            ("~", Scalar::Null),
            ("yes", Scalar::Str),
            ("no", Scalar::Str),
            ("True", Scalar::Bool(true)),
            ("0", Scalar::Int(0)),
            ("-5", Scalar::Int(-5)),
            ("+5", Scalar::Int(5)),
            ("0x1F", Scalar::Int(31)),
            ("0o17", Scalar::Int(15)),
            ("0x-1", Scalar::Str),
            ("0755", Scalar::Str),
            ("012345678901", Scalar::Str),
            ("1_000", Scalar::Str),
            ("12:30", Scalar::Str),
            ("2024-05-01", Scalar::Str),
            ("15.4.x", Scalar::Str),
            ("1.5", Scalar::Float(1.5)),
            (".5", Scalar::Float(0.5)),
            ("5.", Scalar::Float(5.0)),
            ("1e3", Scalar::Float(1000.0)),
            ("-.inf", Scalar::Float(f64::NEG_INFINITY)),
            ("e3", Scalar::Str),
            (".", Scalar::Str),
            ("-", Scalar::Str),
            ("9223372036854775807", Scalar::Int(i64::MAX)),
            ("9223372036854775808", Scalar::TooBig),
            ("1e999", Scalar::TooBig),
            ("0xFFFFFFFFFFFFFFFFF", Scalar::TooBig),
        ] {
            assert_eq!(resolve(text), want, "{text}");
        }
    }
}
