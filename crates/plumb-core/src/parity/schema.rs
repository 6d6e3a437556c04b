//! From the manifest's rules and both sides' columns to a typed plan, and what differs in the schemas.

use super::plan::{
    ColumnRule, ComparedColumn, ConditionTest, ExpectAbout, ExpectPlan, FilterCondition, FilterValue, OutputPlan,
    Relation, SidePlan,
};
use super::result::SchemaNote;
use super::sql::{Form, form, same_name};
use super::types::DataType;
use crate::kinds::emr::compare::{CompareOutput, CompareRule, ExpectedRows, RuleType, SchemaRule};
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use serde_json::Value;
use std::collections::BTreeMap;

/// One side, as the engine describes it.
#[derive(Clone, Debug, PartialEq)]
pub struct DescribedSide {
    pub relation: Relation,
    /// Its columns with their types, in order.
    pub columns: Vec<(String, DataType)>,
    /// Those that cannot be null, where that is known.
    pub required: Option<Vec<String>>,
}

/// What is to be compared, and what can be said before a row is read.
#[derive(Clone, Debug, PartialEq)]
pub struct PlannedOutput {
    pub plan: OutputPlan,
    pub notes: Vec<SchemaNote>,
    /// Columns that are not compared, and why.
    pub ignored: BTreeMap<String, String>,
    /// Whether rows can be told apart: false when a key is missing on a side, or is another type there, or when no column is in
    /// both.
    pub has_keys: bool,
}

/// Plans the comparison of an output.
///
/// # Errors
/// What is wrong with the manifest, given these columns: sentences.
pub fn plan(
    output: &CompareOutput,
    zone: &TimeZone,
    old: DescribedSide,
    new: DescribedSide,
) -> Result<PlannedOutput, Vec<String>> {
    let mut planner = Planner { output, zone, old: &old, new: &new, wrong: Vec::new(), notes: Vec::new() };
    let (columns, ignored) = planner.columns();
    let wanted = output.keys.clone().unwrap_or_default();
    let mut has_keys = true;
    let mut keys = Vec::new();
    for key in &wanted {
        match columns.iter().find(|column| same_name(&column.name, key)) {
            Some(column) if column.old_type.is_floating() || column.new_type.is_floating() => {
                planner.wrong.push(format!("key `{key}` is a {}: keys are exact, and that is not", column.new_type));
            }
            Some(column) if column.rule.is_tolerant() => {
                planner.wrong.push(format!("key `{key}` has a tolerance: keys are exact"));
            }
            Some(column) => keys.push(column.clone()),
            // Missing on one side, or of another type there: the notes say so.
            None if planner.is_somewhere(key) => has_keys = false,
            None => planner.unknown("keys", key),
        }
    }
    let is_key = |column: &ComparedColumn| wanted.iter().any(|key| same_name(key, &column.name));
    let mut cells: Vec<ComparedColumn> = columns.into_iter().filter(|column| !is_key(column)).collect();
    if wanted.is_empty() {
        // Rows are a bag: what has to be the same is the key.
        let (tolerant, exact) = cells.into_iter().partition(|column| column.rule.is_tolerant());
        (keys, cells) = (exact, tolerant);
    }
    // Without columns there would be nothing but a number of rows to compare, and that is no equality.
    if keys.is_empty() && cells.is_empty() && !planner.notes.iter().any(|note| note.fails) {
        planner.wrong.push("no column is left to compare: `ignore` names them all".into());
    }
    has_keys &= !keys.is_empty() || !cells.is_empty();
    planner.ambiguous();
    let expect = planner.expectations(&cells);
    let sides = [&output.old, &output.new].map(|side| side.filter.clone().unwrap_or_default());
    let [old_filter, new_filter] = sides;
    let old_filter = planner.conditions("old.where", &old_filter, &old.columns);
    let new_filter = planner.conditions("new.where", &new_filter, &new.columns);
    let (wrong, notes) = (std::mem::take(&mut planner.wrong), std::mem::take(&mut planner.notes));
    if !wrong.is_empty() {
        return Err(wrong);
    }
    let plan = OutputPlan {
        name: output.name.clone(),
        old: SidePlan { relation: old.relation, filter: old_filter },
        new: SidePlan { relation: new.relation, filter: new_filter },
        keys,
        cells,
        expect,
    };
    Ok(PlannedOutput { plan, notes, ignored, has_keys })
}

struct Planner<'a> {
    output: &'a CompareOutput,
    zone: &'a TimeZone,
    old: &'a DescribedSide,
    new: &'a DescribedSide,
    wrong: Vec<String>,
    notes: Vec<SchemaNote>,
}

impl Planner<'_> {
    fn is_somewhere(&self, name: &str) -> bool {
        self.old.columns.iter().chain(&self.new.columns).any(|(own, _)| same_name(own, name))
    }

    /// Names that are one to Spark, within a side: which of the two would be compared is anybody's guess.
    fn ambiguous(&mut self) {
        for (which, side) in [("old", self.old), ("new", self.new)] {
            for (at, (name, _)) in side.columns.iter().enumerate() {
                if let Some((other, _)) = side.columns[..at].iter().find(|(other, _)| same_name(other, name)) {
                    let why = "only their case tells them apart, and Spark takes them for one";
                    self.wrong.push(format!("`{which}` has the columns `{other}` and `{name}`: {why}"));
                }
            }
        }
    }

    fn unknown(&mut self, place: &str, name: &str) {
        let names: Vec<&str> = self.new.columns.iter().map(|(own, _)| own.as_str()).collect();
        self.wrong
            .push(format!("`{place}` names column `{name}`, which neither side has; `new` has {}", names.join(", ")));
    }

    fn note(&mut self, column: &str, cause: &str, fails: bool, says: String) {
        self.notes.push(SchemaNote { column: column.to_owned(), cause: cause.to_owned(), fails, says });
    }

    /// The columns of both sides that can be compared, in the order of `new`, and those that are left out.
    fn columns(&mut self) -> (Vec<ComparedColumn>, BTreeMap<String, String>) {
        let output = self.output;
        let map = output.map.clone().unwrap_or_default();
        for (from, to) in &map {
            if !self.old.columns.iter().any(|(own, _)| same_name(own, from)) {
                self.wrong.push(format!("`map` names column `{from}`, which `old` does not have"));
            }
            if !self.new.columns.iter().any(|(own, _)| same_name(own, to)) {
                self.wrong.push(format!("`map` names column `{to}`, which `new` does not have"));
            }
        }
        let named = |own: &str| {
            let mapped = map.iter().find(|(from, _)| same_name(from, own));
            mapped.map_or_else(|| own.to_owned(), |(_, to)| to.clone())
        };
        let mut ignored = BTreeMap::new();
        for ignore in output.ignore.iter().flatten() {
            if self.is_somewhere(&ignore.column) {
                ignored.insert(ignore.column.clone(), ignore.reason.clone());
            } else {
                self.unknown("ignore", &ignore.column);
            }
        }
        let is_ignored = |name: &str| ignored.keys().any(|column| same_name(column, name));
        for (place, name) in self.names_of_rules() {
            if !self.is_somewhere(&name) {
                self.unknown(place, &name);
            }
        }
        let mut columns = Vec::new();
        let (mut only_old, mut only_new) = (Vec::new(), Vec::new());
        let (old, new) = (self.old, self.new);
        for (own, new_type) in new.columns.iter().filter(|(own, _)| !is_ignored(own)) {
            let pair = old.columns.iter().find(|(other, _)| named(other) == *own);
            let pair = pair.or_else(|| old.columns.iter().find(|(other, _)| same_name(&named(other), own)));
            match pair {
                Some((other, old_type)) => {
                    columns.extend(self.column((other, old_type), (own, new_type), &named(other)))
                }
                None => only_new.push((own, new_type)),
            }
        }
        for (own, old_type) in old.columns.iter().filter(|(own, _)| !is_ignored(own) && !is_ignored(&named(own))) {
            if !new.columns.iter().any(|(other, _)| same_name(other, &named(own))) {
                only_old.push((own, old_type));
            }
        }
        self.missing(&only_old, &only_new);
        let order = |side: &DescribedSide| -> Vec<String> {
            let names = side.columns.iter().map(|(own, _)| own);
            names
                .filter(|own| columns.iter().any(|c| c.old == **own || c.new == **own))
                .map(|own| named(own).to_lowercase())
                .collect()
        };
        if order(old) != order(new) && order(old).len() == order(new).len() {
            self.note("", "column_order", false, "the columns stand in another order".into());
        }
        (columns, ignored)
    }

    /// What one side has and the other has not.
    fn missing(&mut self, only_old: &[(&String, &DataType)], only_new: &[(&String, &DataType)]) {
        if let ([(old, old_type)], [(new, new_type)]) = (only_old, only_new)
            && old_type == new_type
        {
            let says = format!("`{old}` is missing in new, which has `{new}` of the same type: renamed? then `map` it");
            self.note(new, "column_renamed", true, says);
            return;
        }
        for (own, of_type) in only_old {
            self.note(own, "column_missing", true, format!("`{own}` ({of_type}) is missing in new"));
        }
        for (own, of_type) in only_new {
            self.note(own, "column_missing", true, format!("`{own}` ({of_type}) is missing in old"));
        }
    }

    /// A column of both sides. `None` where its types cannot be compared, which is noted.
    fn column(
        &mut self,
        (old, old_type): (&String, &DataType),
        (new, new_type): (&String, &DataType),
        named: &str,
    ) -> Option<ComparedColumn> {
        if named != new {
            self.note(new, "column_case", false, format!("`{old}` in old is `{new}` in new"));
        }
        let rule = self.rule(new, old_type, new_type);
        let changed = format!("{old_type} in old, {new_type} in new");
        if let Some(other) = old_type.other().or(new_type.other()) {
            let says = format!("{changed}: plumb cannot compare `{other}`; ignore the column, or cast it upstream");
            self.note(new, "type_changed", true, says);
            return None;
        }
        match form(old_type, new_type, &rule) {
            None => {
                self.note(new, "type_changed", true, changed);
                return None;
            }
            Some(Form::Micros) if old_type != new_type => {}
            Some(_) if !old_type.is_like(new_type) => {
                let fails = self.output.schema == SchemaRule::Strict;
                self.note(new, "type_widened", fails, changed);
            }
            Some(_) => {}
        }
        if let (Some(of_old), Some(of_new)) = (&self.old.required, &self.new.required) {
            match (of_old.contains(old), of_new.contains(new)) {
                (true, false) => self.nullability(new, "old"),
                (false, true) => self.nullability(new, "new"),
                _ => {}
            }
        }
        let sensitive = self.output.sensitive.iter().flatten().any(|name| same_name(name, new) || same_name(name, old));
        let (old, new) = (old.clone(), new.clone());
        let (old_type, new_type) = (old_type.clone(), new_type.clone());
        Some(ComparedColumn { name: new.clone(), old, new, old_type, new_type, rule, sensitive })
    }

    fn nullability(&mut self, column: &str, required_in: &str) {
        let fails = self.output.schema == SchemaRule::Strict;
        self.note(column, "nullability", fails, format!("it cannot be null in {required_in}, and can in the other"));
    }

    /// Each name that rules, expectations and the like use, with its place.
    fn names_of_rules(&self) -> Vec<(&'static str, String)> {
        let output = self.output;
        let rules = output.rules.iter().flatten().filter_map(|rule| Some(("rules", rule.column.clone()?)));
        let expect = output.expect.iter().flatten().filter_map(|expect| Some(("expect", expect.column.clone()?)));
        let sensitive = output.sensitive.iter().flatten().map(|name| ("sensitive", name.clone()));
        rules.chain(expect).chain(sensitive).collect()
    }

    /// The rules of a column, put together: later ones win, member by member.
    fn rule(&mut self, name: &str, old: &DataType, new: &DataType) -> ColumnRule {
        let mut put = ColumnRule::default();
        for rule in self.output.rules.iter().flatten() {
            let by_name = rule.column.as_deref().is_some_and(|column| same_name(column, name));
            let by_type = rule.of_type.is_some_and(|of| is_of(of, old) || is_of(of, new));
            if !by_name && !by_type {
                continue;
            }
            if by_name && let Some(member) = useless(rule, old, new) {
                self.wrong.push(format!("`{member}` says nothing of column `{name}`, which is a {new}"));
            }
            put.abs = rule.abs.or(put.abs);
            put.rel = rule.rel.or(put.rel);
            if rule.abs.is_some() || rule.rel.is_some() {
                put.tolerance_reason = Some(rule.reason.clone());
            }
            put.scale = rule.scale.or(put.scale);
            put.truncate = rule.truncate.or(put.truncate);
            put.zone = rule.zone.clone().or(put.zone);
            put.trim = rule.trim.or(put.trim);
            put.any_case |= rule.letter_case.is_some();
            put.nfc |= rule.unicode.is_some();
            put.empty_is_null = rule.empty_is_null.unwrap_or(put.empty_is_null);
            put.any_order |= rule.order.is_some();
        }
        if !(old.is_number() && new.is_number()) {
            (put.abs, put.rel) = (None, None);
        }
        put
    }

    fn expectations(&mut self, cells: &[ComparedColumn]) -> Vec<ExpectPlan> {
        let mut plans = Vec::new();
        for (i, expect) in self.output.expect.iter().flatten().enumerate() {
            let about = match (&expect.column, expect.rows) {
                (Some(column), _) => match cells.iter().position(|cell| same_name(&cell.name, column)) {
                    Some(cell) => ExpectAbout::Cell(cell),
                    None => {
                        if self.is_somewhere(column) {
                            let why =
                                "it is a key, ignored, or not comparable; of rows say `rows: onlyOld` or `onlyNew`";
                            self.wrong.push(format!(
                                "`expect[{i}]` is about column `{column}`, whose cells are not compared: {why}"
                            ));
                        }
                        continue;
                    }
                },
                (None, Some(ExpectedRows::OnlyOld)) => ExpectAbout::OnlyOld,
                (None, Some(ExpectedRows::OnlyNew)) => ExpectAbout::OnlyNew,
                (None, None) => continue,
            };
            let filter = expect.filter.clone().unwrap_or_default();
            let map = self.output.map.clone().unwrap_or_default();
            let of_old =
                |name: &str| map.iter().find(|(_, to)| same_name(to, name)).map_or(name, |(from, _)| from).to_owned();
            let old_filter = filter.iter().map(|(name, value)| (of_old(name), value.clone())).collect();
            let place = format!("expect[{i}].where");
            let (old, new) = (self.old, self.new);
            let old_filter = self.conditions(&place, &old_filter, &old.columns);
            let new_filter = self.conditions(&place, &filter, &new.columns);
            let Ok(until) = expect.until.parse::<Date>() else {
                self.wrong.push(format!("`expect[{i}].until`: `{}` is no day", expect.until));
                continue;
            };
            plans.push(ExpectPlan {
                about,
                old_filter,
                new_filter,
                at_most: expect.at_most,
                until,
                reason: expect.reason.clone(),
            });
        }
        plans
    }

    fn conditions(
        &mut self,
        place: &str,
        filter: &BTreeMap<String, Value>,
        columns: &[(String, DataType)],
    ) -> Vec<FilterCondition> {
        let mut conditions = Vec::new();
        for (name, value) in filter {
            let Some((own, of_type)) = columns.iter().find(|(own, _)| same_name(own, name)) else {
                let names: Vec<&str> = columns.iter().map(|(own, _)| own.as_str()).collect();
                self.wrong.push(format!(
                    "`{place}` names column `{name}`, which is not there; there are {}",
                    names.join(", ")
                ));
                continue;
            };
            match tests(value, of_type, self.zone) {
                Ok(tests) => conditions.extend(tests.into_iter().map(|test| FilterCondition {
                    column: own.clone(),
                    of_type: of_type.clone(),
                    test,
                })),
                Err(why) => self.wrong.push(format!("`{place}.{name}`: {why}")),
            }
        }
        conditions
    }
}

fn is_of(rule: RuleType, of_type: &DataType) -> bool {
    match rule {
        RuleType::Double => *of_type == DataType::Double,
        RuleType::Float => *of_type == DataType::Float,
        RuleType::Decimal => matches!(of_type, DataType::Decimal { .. }),
        RuleType::Timestamp => matches!(of_type, DataType::Timestamp | DataType::TimestampNtz),
        RuleType::String => *of_type == DataType::String,
        RuleType::Array => matches!(of_type, DataType::Array(_)),
    }
}

/// The first member of a column's rule that says nothing of its type.
fn useless(rule: &CompareRule, old: &DataType, new: &DataType) -> Option<&'static str> {
    let is = |of: RuleType| is_of(of, old) || is_of(of, new);
    let is_number = old.is_number() || new.is_number();
    let members = [
        ("abs", rule.abs.is_some(), is_number),
        ("rel", rule.rel.is_some(), is_number),
        ("scale", rule.scale.is_some(), is(RuleType::Decimal)),
        ("truncate", rule.truncate.is_some(), is(RuleType::Timestamp)),
        ("zone", rule.zone.is_some(), is(RuleType::Timestamp)),
        ("trim", rule.trim.is_some(), is(RuleType::String)),
        ("case", rule.letter_case.is_some(), is(RuleType::String)),
        ("unicode", rule.unicode.is_some(), is(RuleType::String)),
        ("emptyIsNull", rule.empty_is_null.is_some(), is(RuleType::String)),
        ("order", rule.order.is_some(), is(RuleType::Array)),
    ];
    members.into_iter().find(|(_, is_set, is_fit)| *is_set && !is_fit).map(|(name, ..)| name)
}

/// The conditions that a value of `where` says.
fn tests(value: &Value, of_type: &DataType, zone: &TimeZone) -> Result<Vec<ConditionTest>, String> {
    match value {
        Value::Null => Ok(vec![ConditionTest::IsNull]),
        Value::Object(members) => members
            .iter()
            .map(|(name, value)| match (name.as_str(), value) {
                ("in", Value::Array(values)) => {
                    let values = values.iter().map(|value| scalar(value, of_type, zone));
                    values.collect::<Result<_, _>>().map(ConditionTest::In)
                }
                ("lt", value) => scalar(value, of_type, zone).map(|value| ConditionTest::Order("<", value)),
                ("le", value) => scalar(value, of_type, zone).map(|value| ConditionTest::Order("<=", value)),
                ("gt", value) => scalar(value, of_type, zone).map(|value| ConditionTest::Order(">", value)),
                ("ge", value) => scalar(value, of_type, zone).map(|value| ConditionTest::Order(">=", value)),
                _ => Err(format!("`{name}` is no condition: expected `in`, `lt`, `le`, `gt` or `ge`")),
            })
            .collect(),
        value => Ok(vec![ConditionTest::In(vec![scalar(value, of_type, zone)?])]),
    }
}

/// A value of a manifest as one of a column's type. What the engine could not read as such is told here: there it would look
/// like data that cannot be read.
fn scalar(value: &Value, of_type: &DataType, zone: &TimeZone) -> Result<FilterValue, String> {
    let text = match value {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        Value::Bool(flag) => flag.to_string(),
        _ => return Err("expected a text, a number, true or false".into()),
    };
    let no = |what: &str| Err(format!("`{text}` is no {what}, and the column is a {of_type}"));
    match of_type {
        DataType::Boolean => match text.as_str() {
            "true" | "false" => Ok(FilterValue::Bool(text == "true")),
            _ => no("`true` or `false`"),
        },
        DataType::Integer(_) => {
            text.parse().map_or_else(|_| no("whole number"), |number| Ok(FilterValue::Integer(number)))
        }
        DataType::Decimal { .. } | DataType::Float | DataType::Double => match text.parse::<f64>() {
            Ok(number) if number.is_finite() => Ok(FilterValue::Number(text)),
            _ => no("number"),
        },
        DataType::String => Ok(FilterValue::Text(text)),
        DataType::Date => text.parse::<Date>().map_or_else(|_| no("day"), |day| Ok(FilterValue::Text(day.to_string()))),
        DataType::Timestamp => {
            if let Ok(instant) = text.parse::<jiff::Timestamp>() {
                return Ok(FilterValue::Text(instant.to_string()));
            }
            let wall = text.parse::<DateTime>().or_else(|_| text.parse::<Date>().map(Date::into));
            match wall.ok().and_then(|wall: DateTime| zone.to_timestamp(wall).ok()) {
                Some(instant) => Ok(FilterValue::Text(instant.to_string())),
                None => no("time"),
            }
        }
        DataType::TimestampNtz => {
            let wall = text.parse::<DateTime>().or_else(|_| text.parse::<Date>().map(Date::into));
            wall.map_or_else(|_| no("time"), |wall| Ok(FilterValue::Text(wall.to_string())))
        }
        other => Err(format!("a {other} has no conditions")),
    }
}

#[cfg(test)]
#[path = "schema_tests.rs"]
mod tests;
