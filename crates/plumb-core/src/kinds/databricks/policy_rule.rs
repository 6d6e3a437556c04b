//! One rule of a cluster policy.

use super::undeclared::is_absent;
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, de};
use std::fmt;

/// What a cluster policy allows of one attribute.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(deny_unknown_fields, transform = is_absent)]
pub struct PolicyRule {
    /// The sort of rule.
    #[serde(rename = "type")]
    pub rule: PolicyRuleType,
    /// Of `fixed`: the only value.
    pub value: Option<Scalar>,
    /// Of `allowlist` and `blocklist`: the values.
    pub values: Option<Vec<Scalar>>,
    /// Of `regex`: the pattern that the whole value has to match.
    pub pattern: Option<String>,
    /// Of `range`: the least value.
    pub min_value: Option<f64>,
    /// Of `range`: the greatest value.
    pub max_value: Option<f64>,
    /// The value that the cluster page proposes.
    pub default_value: Option<Scalar>,
    /// Whether the attribute may be left out.
    #[schemars(extend("x-plumb" = {"default": false, "why": "Databricks policy reference: attributes with a limiting rule are required unless isOptional"}))]
    pub is_optional: Option<bool>,
    /// Whether the cluster page hides the attribute.
    #[schemars(extend("x-plumb" = {"default": false, "why": "Databricks policy reference: an optional flag"}))]
    pub hidden: Option<bool>,
}

/// The sort of a policy's rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum PolicyRuleType {
    /// One of some values.
    Allowlist,
    /// None of some values.
    Blocklist,
    /// One value.
    Fixed,
    /// No value: the attribute may not be set.
    Forbidden,
    /// A number between bounds.
    Range,
    /// A text of a form.
    Regex,
    /// Any value; for giving a default or making the attribute required.
    Unlimited,
}

impl PolicyRuleType {
    /// The name in a definition.
    pub fn name(self) -> &'static str {
        match self {
            PolicyRuleType::Allowlist => "allowlist",
            PolicyRuleType::Blocklist => "blocklist",
            PolicyRuleType::Fixed => "fixed",
            PolicyRuleType::Forbidden => "forbidden",
            PolicyRuleType::Range => "range",
            PolicyRuleType::Regex => "regex",
            PolicyRuleType::Unlimited => "unlimited",
        }
    }
}

impl PolicyRule {
    /// Members that the sort of rule needs and that are not set, and members that are set and mean nothing to it.
    pub fn misfits(&self) -> (Vec<&'static str>, Vec<&'static str>) {
        use PolicyRuleType::{Allowlist, Blocklist, Fixed, Forbidden, Range, Regex};
        let is = |types: &[PolicyRuleType]| types.contains(&self.rule);
        let (mut missing, mut idle) = (Vec::new(), Vec::new());
        let mut judge = |name, is_set: bool, belongs: bool, needed: bool| {
            if needed && !is_set {
                missing.push(name);
            } else if is_set && !belongs {
                idle.push(name);
            }
        };
        judge("value", self.value.is_some(), is(&[Fixed]), is(&[Fixed]));
        judge("values", self.values.is_some(), is(&[Allowlist, Blocklist]), is(&[Allowlist, Blocklist]));
        judge("pattern", self.pattern.is_some(), is(&[Regex]), is(&[Regex]));
        // One bound is enough.
        let unbounded = self.min_value.is_none() && self.max_value.is_none();
        judge("minValue", self.min_value.is_some(), is(&[Range]), is(&[Range]) && unbounded);
        judge("maxValue", self.max_value.is_some(), is(&[Range]), false);
        judge("defaultValue", self.default_value.is_some(), !is(&[Fixed, Forbidden]), false);
        judge("isOptional", self.is_optional.is_some(), !is(&[Fixed, Forbidden]), false);
        judge("hidden", self.hidden.is_some(), true, false);
        (missing, idle)
    }
}

/// A text, a number or a boolean.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
#[serde(untagged)]
pub enum Scalar {
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(String),
}

// By hand, because a derived untagged enum cannot say what it expected.
impl<'de> Deserialize<'de> for Scalar {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl de::Visitor<'_> for Visitor {
            type Value = Scalar;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string, a number or a boolean")
            }

            fn visit_bool<E>(self, b: bool) -> Result<Scalar, E> {
                Ok(Scalar::Bool(b))
            }

            fn visit_i64<E>(self, i: i64) -> Result<Scalar, E> {
                Ok(Scalar::Int(i))
            }

            fn visit_u64<E: de::Error>(self, u: u64) -> Result<Scalar, E> {
                i64::try_from(u).map(Scalar::Int).map_err(|_| E::invalid_value(de::Unexpected::Unsigned(u), &self))
            }

            fn visit_f64<E>(self, f: f64) -> Result<Scalar, E> {
                Ok(Scalar::Float(f))
            }

            fn visit_str<E>(self, s: &str) -> Result<Scalar, E> {
                Ok(Scalar::Text(s.to_owned()))
            }
        }
        d.deserialize_any(Visitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn rule(value: Value) -> Result<PolicyRule, String> {
        serde_json::from_value(value).map_err(|e| e.to_string())
    }

    #[test]
    fn values_keep_their_type() {
        let fixed = |value: Value| rule(json!({"type": "fixed", "value": value})).map(|r| r.value);
        assert_eq!(fixed(json!(3)), Ok(Some(Scalar::Int(3))));
        assert_eq!(fixed(json!("3")), Ok(Some(Scalar::Text("3".into()))));
        assert_eq!(fixed(json!(true)), Ok(Some(Scalar::Bool(true))));
        assert_eq!(fixed(json!(0.5)), Ok(Some(Scalar::Float(0.5))));
        assert!(fixed(json!([1])).is_err_and(|e| e.contains("expected a string, a number or a boolean")));
    }

    #[test]
    fn misfits_are_named() {
        let misfits = |value: Value| rule(value).map(|r| r.misfits());
        assert_eq!(misfits(json!({"type": "fixed", "value": 1, "hidden": true})), Ok((vec![], vec![])));
        assert_eq!(misfits(json!({"type": "fixed", "values": [1]})), Ok((vec!["value"], vec!["values"])));
        assert_eq!(misfits(json!({"type": "range", "maxValue": 4})), Ok((vec![], vec![])));
        assert_eq!(misfits(json!({"type": "range"})), Ok((vec!["minValue"], vec![])));
        assert_eq!(misfits(json!({"type": "forbidden", "value": 1})), Ok((vec![], vec!["value"])));
        assert_eq!(misfits(json!({"type": "regex", "isOptional": true})), Ok((vec!["pattern"], vec![])));
        assert_eq!(misfits(json!({"type": "unlimited", "defaultValue": 1})), Ok((vec![], vec![])));
    }
}
