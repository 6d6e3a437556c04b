//! The comparison of a wanted spec with a live one, by the field rules. Knows no kind.

use super::Op;
use super::normal::of_field;
use plumb_model::schema::{Around, Field, Path, Rules, Scope, Segment, Shape, Type, Unset, label};
use plumb_model::secrets::Vault;
use serde_json::{Map, Value};
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

/// What a cluster policy or an instance pool supplies by itself: dotted attribute path (`spark_conf.spark.speculation`) to value.
pub type Supplied = BTreeMap<String, Value>;

/// What a comparison has to know beside the two specs.
#[derive(Clone, Copy, Debug)]
pub struct Context<'a> {
    /// By the id of the policy or the pool.
    pub supplied: &'a BTreeMap<String, Supplied>,
    /// Places that others may change.
    pub ignored: &'a [Pattern],
    /// What becomes of live values that the manifest says nothing about and no rule speaks of.
    pub undeclared: Undeclared,
}

/// What becomes of live values that the manifest says nothing about and no rule speaks of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Undeclared {
    /// They stay: the manifest is what it was at the last apply, so it never asked for them, and never for their
    /// absence.
    Keep,
    /// They stay whatever the rules say: the object belongs to others, and the manifest is about what it sets.
    External,
    /// They go, and the plan says so: the manifest changed since the last apply, and may have dropped them.
    Remove,
}

/// One place that differs. The values are in normal form.
#[derive(Clone, Debug, PartialEq)]
pub struct Difference {
    pub path: Path,
    pub op: Op,
    pub from: Option<Value>,
    pub to: Option<Value>,
    /// It cannot be changed in place.
    pub replaces: bool,
    /// It is no reason for a write: it is what a write for other reasons cannot carry over.
    pub lost: bool,
}

/// A live value that stays although the manifest does not ask for it.
#[derive(Clone, Debug, PartialEq)]
pub struct KeptValue {
    pub path: Path,
    /// What is live there; `None`: nothing is, though the manifest has something.
    pub value: Option<Value>,
    pub because: KeepReason,
    pub carry: Carry,
}

/// Why a live value stays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeepReason {
    /// An ignore rule of the manifest (by its index).
    Ignored(usize),
    /// The manifest says nothing of it, and somebody set it.
    Undeclared,
    /// The manifest says nothing of it, and the service may have chosen it.
    Chosen,
}

/// What a write of the object does with a live value that stays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Carry {
    /// It is sent along: what is left out of a write that replaces everything is gone.
    Sent,
    /// It is left out: the service keeps it by itself.
    Sticks,
    /// It is left out, because the service would refuse it beside what is wanted. So any write takes it away.
    Refused,
    /// It is sent along unless the object is replaced: nothing else can take it away, and it is no reason to replace.
    UntilReplaced,
}

/// What a comparison found.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Comparison {
    pub differences: Vec<Difference>,
    pub kept: Vec<KeptValue>,
    /// Places that the manifest sets and the service never shows.
    pub unseen: Vec<Path>,
}

impl Comparison {
    /// Turns what a write cannot carry over into differences, so that the plan of the write names it. `writes` says
    /// whether there is one for other reasons.
    pub fn with_losses(&mut self, writes: bool) {
        let replaces = self.differences.iter().any(|d| d.replaces);
        let lost = |kept: &KeptValue| match kept.carry {
            Carry::Refused => writes || replaces,
            Carry::UntilReplaced => replaces,
            Carry::Sent | Carry::Sticks => false,
        };
        let (lost, kept) = std::mem::take(&mut self.kept).into_iter().partition(lost);
        self.kept = kept;
        let removal = |kept: KeptValue| Difference {
            path: kept.path,
            op: Op::Remove,
            from: kept.value,
            to: None,
            replaces: kept.carry == Carry::UntilReplaced,
            lost: true,
        };
        self.differences.extend(lost.into_iter().map(removal));
        self.differences.sort_by(|a, b| a.path.cmp(&b.path));
    }

    /// What a write has to send of what stays: `None` takes out what the manifest has there.
    pub fn carried(&self) -> impl Iterator<Item = (&Path, Option<&Value>)> {
        let sent = |kept: &&KeptValue| matches!(kept.carry, Carry::Sent | Carry::UntilReplaced);
        self.kept.iter().filter(sent).map(|kept| (&kept.path, kept.value.as_ref()))
    }
}

/// An ignore rule's path: like a [`Path`], `*` stands for any one segment. A place below it is covered too.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern(Vec<Option<String>>);

impl Pattern {
    /// Reads `tasks[*].new_cluster.spark_conf["spark.sql.ansi.enabled"]`. A leading `spec.` is left out.
    pub fn parse(text: &str) -> Pattern {
        let mut segments = Vec::new();
        let mut rest = text.strip_prefix("spec.").unwrap_or(text);
        while !rest.is_empty() {
            if let Some(inner) = rest.strip_prefix("[\"") {
                let end = inner.find("\"]").unwrap_or(inner.len());
                segments.push(Some(inner[..end].to_owned()));
                rest = inner.get(end + 2..).unwrap_or("");
            } else if let Some(inner) = rest.strip_prefix('[') {
                let end = inner.find(']').unwrap_or(inner.len());
                segments.push((&inner[..end] != "*").then(|| inner[..end].to_owned()));
                rest = inner.get(end + 1..).unwrap_or("");
            } else {
                rest = rest.strip_prefix('.').unwrap_or(rest);
                let end = rest.find(['.', '[']).unwrap_or(rest.len());
                segments.push((&rest[..end] != "*").then(|| rest[..end].to_owned()));
                rest = &rest[end..];
            }
        }
        Pattern(segments)
    }

    /// Whether it names exactly this place.
    pub fn is(&self, path: &Path) -> bool {
        self.0.len() == path.0.len()
            && self.0.iter().zip(&path.0).all(|(want, have)| match (want, have) {
                (None, _) => true,
                (Some(want), Segment::Key(have) | Segment::Item(have)) => want == have,
                (Some(want), Segment::Index(have)) => *want == have.to_string(),
            })
    }
}

/// Compares two specs in normal form.
pub fn compare(rules: &Rules, want: &Value, live: &Value, context: &Context<'_>) -> Comparison {
    let mut walk = Walk { rules, context, found: Comparison::default() };
    walk.field(&rules.root, &Path::default(), Some(want), Some(live), Inherited::default());
    walk.found.differences.sort_by(|a, b| a.path.cmp(&b.path));
    walk.found
}

struct Walk<'a> {
    rules: &'a Rules,
    context: &'a Context<'a>,
    found: Comparison,
}

/// What a place inherits from the places above it.
#[derive(Clone, Copy, Default)]
struct Inherited<'a> {
    replaces: bool,
    /// The object around it must not be there, so neither may it.
    absent: bool,
    /// What the nearest cluster's policy supplies, and how many segments of the path lead to that cluster.
    policy: Option<(&'a Supplied, usize)>,
    /// The same of its pool.
    pool: Option<(&'a Supplied, usize)>,
    /// It has a policy or a pool that is not known.
    unknown: bool,
    /// The service would refuse the object around it beside what is wanted.
    refused: bool,
    /// The objects around it.
    around: Around<'a>,
}

impl<'a> Walk<'a> {
    fn field(&mut self, field: &Field, path: &Path, want: Option<&Value>, live: Option<&Value>, above: Inherited<'_>) {
        if want.is_none() && live.is_none() || field.rule.server {
            return;
        }
        if let Some(index) = self.context.ignored.iter().position(|p| p.is(path)) {
            if want != live {
                self.keep(path, live, KeepReason::Ignored(index));
            }
            return;
        }
        if field.rule.write_only {
            if want.is_some() {
                self.found.unseen.push(path.clone());
            }
            return;
        }
        let above = Inherited { replaces: above.replaces || field.rule.replace, ..above };
        let live = live.and_then(|live| without_added(field, want, live));
        match (want, live.as_deref()) {
            (Some(want), _) if field.rule.any_if.contains(want) => {}
            (None, Some(live)) => self.only_live(field, path, live, above),
            (Some(want), None) => self.only_wanted(field, path, want, above),
            (Some(want), Some(live)) => self.both(field, path, want, live, above),
            (None, None) => {}
        }
    }

    /// The manifest is silent.
    fn only_live(&mut self, field: &Field, path: &Path, live: &Value, above: Inherited<'_>) {
        if self.context.undeclared == Undeclared::External {
            return;
        }
        if supplied(path, live, above) {
            return;
        }
        if field.rule.unset == Some(Unset::Server) {
            return self.unset_by_server(field, path, live, above);
        }
        // A default that is not live, or something that must not be there.
        let rule = &field.rule;
        let forbidden = rule.default.is_some() || rule.unset == Some(Unset::Absent) || above.absent;
        let refused = above.refused || rule.is_refused(live, above.around);
        let above = Inherited { absent: forbidden, refused, ..above };
        // Where a policy supplies a part, the rest is told apart member by member.
        let in_part = above.policy.is_some() && matches!(field.shape, Shape::Object(_) | Shape::Map(_));
        if forbidden && !in_part {
            if !self.is_filled(field, path, live, above) {
                self.differ(field, path, None, Some(live), above);
            }
            return;
        }
        match (&field.shape, live) {
            (Shape::Object(object), Value::Object(map)) => self.only_live_object(*object, path, map, above),
            (Shape::Map(entry), Value::Object(map)) => {
                for (key, value) in map {
                    self.field(entry, &path.key(key), None, Some(value), above);
                }
            }
            _ if self.context.undeclared == Undeclared::Keep => self.keep(path, Some(live), KeepReason::Undeclared),
            _ => self.differ(field, path, None, Some(live), above),
        }
    }

    fn only_live_object(&mut self, object: usize, path: &Path, map: &Map<String, Value>, above: Inherited<'_>) {
        let of = self.rules.of(object);
        let written = Scope { of, object: None, up: above.around.written };
        let live = Scope { of, object: Some(map), up: above.around.live };
        let above = Inherited { around: Around { written: Some(&written), live: Some(&live) }, ..above };
        for (key, value) in map {
            if let Some(member) = of.members.get(key) {
                self.field(member, &path.key(key), None, Some(value), above);
            }
        }
    }

    /// The manifest is silent about what the service may set itself.
    fn unset_by_server(&mut self, field: &Field, path: &Path, live: &Value, above: Inherited<'_>) {
        let rule = &field.rule;
        // What is written by calls of its own is in no other write, and stays as it is.
        if rule.apart || rule.is_filled(live, above.around.live) {
            return;
        }
        let is_chosen = above.unknown || rule.is_chosen(live);
        if above.absent {
            // It goes with what is around it, whatever a pool that is not known may supply elsewhere.
            if !rule.is_chosen(live) {
                self.differ(field, path, None, Some(live), above);
            }
            return;
        }
        let refused = above.refused
            || rule.is_refused(live, above.around)
            || supplied_otherwise(path, live, above)
            || Vault::has_unknown(live);
        let carry = if rule.sticky {
            Carry::Sticks
        } else if refused {
            Carry::Refused
        } else {
            Carry::Sent
        };
        match self.context.undeclared {
            // What the service sets unless told otherwise is nobody's loss where it is told otherwise.
            _ if is_chosen && refused && rule.is_usual(live) => {}
            _ if is_chosen => self.keep_as(path, Some(live), KeepReason::Chosen, carry),
            _ if rule.strict => self.differ(field, path, None, Some(live), above),
            Undeclared::Remove if !above.replaces => self.differ(field, path, None, Some(live), above),
            Undeclared::Remove => self.keep_as(path, Some(live), KeepReason::Undeclared, Carry::UntilReplaced),
            Undeclared::Keep | Undeclared::External => self.keep_as(path, Some(live), KeepReason::Undeclared, carry),
        }
    }

    /// Whether an object holds nothing but what the service fills in by itself.
    fn is_filled(&self, field: &Field, path: &Path, live: &Value, above: Inherited<'_>) -> bool {
        let (Shape::Object(object), Value::Object(map)) = (&field.shape, live) else { return false };
        let mut inner = Walk { rules: self.rules, context: self.context, found: Comparison::default() };
        inner.only_live_object(*object, path, map, above);
        inner.found == Comparison::default()
    }

    /// Nothing is live.
    fn only_wanted(&mut self, field: &Field, path: &Path, want: &Value, above: Inherited<'_>) {
        // Nothing is wanted, and nothing is there.
        if *want == Value::Array(Vec::new()) {
            return;
        }
        // An object may hold nothing but what is never compared: then it is no difference that it is not live.
        if let (Shape::Object(object), Value::Object(map)) = (&field.shape, want) {
            let mut inner = Walk { rules: self.rules, context: self.context, found: Comparison::default() };
            for (key, value) in map {
                if let Some(member) = self.rules.of(*object).members.get(key) {
                    inner.field(member, &path.key(key), Some(value), None, above);
                }
            }
            self.found.unseen.append(&mut inner.found.unseen);
            self.found.kept.append(&mut inner.found.kept);
            if inner.found.differences.is_empty() {
                return;
            }
        }
        self.differ(field, path, Some(want), None, above);
    }

    fn both(&mut self, field: &Field, path: &Path, want: &Value, live: &Value, above: Inherited<'_>) {
        match (&field.shape, want, live) {
            (Shape::Object(object), Value::Object(wants), Value::Object(lives)) => {
                let object = self.rules.of(*object);
                let written = Scope { of: object, object: Some(wants), up: above.around.written };
                let live = Scope { of: object, object: Some(lives), up: above.around.live };
                let above = Inherited { around: Around { written: Some(&written), live: Some(&live) }, ..above };
                let above = self.suppliers(object, wants, lives, path, above);
                for (key, member) in &object.members {
                    let (want, live) = (wants.get(key), lives.get(key));
                    // Most members are equal or absent: they are not worth a path.
                    if !is_settled(member, want, live) {
                        self.field(member, &path.key(key), want, live, above);
                    }
                }
            }
            (Shape::Map(entry), Value::Object(wants), Value::Object(lives)) => {
                for key in keys(wants.keys().chain(lives.keys())) {
                    let (want, live) = (wants.get(key), lives.get(key));
                    if !is_settled(entry, want, live) {
                        self.field(entry, &path.key(key), want, live, above);
                    }
                }
            }
            (Shape::List(item), Value::Array(wants), Value::Array(lives)) => {
                self.lists(field, item, path, wants, lives, above);
            }
            _ if want == live => {}
            _ if shown_alike(field, want, live) => self.found.unseen.push(path.clone()),
            _ => self.differ(field, path, Some(want), Some(live), above),
        }
    }

    fn lists(
        &mut self,
        field: &Field,
        item: &Field,
        path: &Path,
        wants: &[Value],
        lives: &[Value],
        above: Inherited<'_>,
    ) {
        if let Some(by) = &field.rule.key {
            let (wants, lives) = (by_key(wants, by), by_key(lives, by));
            for key in keys(wants.keys().chain(lives.keys())) {
                let at = path.with(Segment::Item(key.clone()));
                self.element(item, &at, wants.get(key).copied(), lives.get(key).copied(), above);
            }
        } else if field.rule.set {
            for missing in wants.iter().filter(|e| !lives.contains(e)) {
                self.element(item, &path.with(Segment::Item(label(missing))), Some(missing), None, above);
            }
            for extra in lives.iter().filter(|e| !wants.contains(e)) {
                self.element(item, &path.with(Segment::Item(label(extra))), None, Some(extra), above);
            }
        } else if wants.len() == lives.len() && wants.iter().chain(lives).all(Value::is_object) {
            for (i, (want, live)) in wants.iter().zip(lives).enumerate() {
                self.field(item, &path.with(Segment::Index(i)), Some(want), Some(live), above);
            }
        } else if wants != lives {
            let (want, live) = (Value::from(wants), Value::from(lives));
            self.differ(field, path, Some(&want), Some(&live), above);
        }
    }

    /// An element of a declared list: the list is the manifest's, so an element that only is live is a difference.
    fn element(&mut self, item: &Field, path: &Path, want: Option<&Value>, live: Option<&Value>, above: Inherited<'_>) {
        match (want, live) {
            (None, Some(live)) if !supplied(path, live, above) => {
                if let Some(index) = self.context.ignored.iter().position(|p| p.is(path)) {
                    return self.keep(path, Some(live), KeepReason::Ignored(index));
                }
                self.differ(item, path, None, Some(live), above);
            }
            (None, Some(_)) => {}
            _ => self.field(item, path, want, live, above),
        }
    }

    /// What a policy and a pool supply to an object that may name them.
    fn suppliers<'s>(
        &self,
        object: &Type,
        want: &Map<String, Value>,
        live: &Map<String, Value>,
        path: &Path,
        above: Inherited<'s>,
    ) -> Inherited<'s>
    where
        'a: 's,
    {
        let (policy, pool) = (&object.rule.policy, &object.rule.pool);
        if policy.is_none() && pool.is_none() {
            return above;
        }
        let mut unknown = false;
        let mut of = |member: &Option<String>| {
            let id = member.as_ref().and_then(|m| want.get(m).or_else(|| live.get(m)))?.as_str()?;
            let supplied = self.context.supplied.get(id);
            unknown |= supplied.is_none();
            Some((supplied?, path.0.len()))
        };
        let (policy, pool) = (of(policy), of(pool));
        Inherited { policy, pool, unknown, ..above }
    }

    fn differ(&mut self, field: &Field, path: &Path, want: Option<&Value>, live: Option<&Value>, above: Inherited<'_>) {
        // A side that is unset has the documented default, and saying so beats saying nothing.
        let default = field.rule.default.as_ref().filter(|d| of_field(self.rules, &unruled(field), d).is_some());
        let op = match (want.or(default), live.or(default)) {
            (Some(_), None) => Op::Add,
            (None, _) => Op::Remove,
            _ => Op::Change,
        };
        self.found.differences.push(Difference {
            path: path.clone(),
            op,
            from: live.or(default).cloned(),
            to: want.or(default).cloned(),
            replaces: above.replaces
                || (want.is_none() && field.rule.replace_to_clear)
                || (live.is_none() && field.rule.replace_to_set),
            lost: false,
        });
    }

    fn keep(&mut self, path: &Path, value: Option<&Value>, because: KeepReason) {
        self.keep_as(path, value, because, Carry::Sent);
    }

    fn keep_as(&mut self, path: &Path, value: Option<&Value>, because: KeepReason, carry: Carry) {
        self.found.kept.push(KeptValue { path: path.clone(), value: value.cloned(), because, carry });
    }
}

/// Whether there is nothing to be found at a place, wherever it is.
fn is_settled(field: &Field, want: Option<&Value>, live: Option<&Value>) -> bool {
    let is_leaf = matches!(field.shape, Shape::Leaf) && !field.rule.write_only;
    field.rule.server || want == live && (want.is_none() || is_leaf)
}

/// Whether the service would show what is wanted as what is live: it masks secrets, and writes JSON in its own way.
fn shown_alike(field: &Field, want: &Value, live: &Value) -> bool {
    // Of a secret text as a whole nobody can tell where in it the service masks something.
    if Vault::has_unknown(live) && want.as_str().is_some_and(Vault::is_token) {
        return true;
    }
    match (json(want), json(live)) {
        (Some(want), Some(live)) if field.rule.json_text => masked_alike(&want, &live),
        _ => masked_alike(want, live),
    }
}

/// Whether two values are equal but for what the service masks of the live one.
pub(super) fn masked_alike(want: &Value, live: &Value) -> bool {
    match (want, live) {
        (want, Value::String(live)) if live == Vault::UNKNOWN => !want.is_null(),
        (Value::Object(wants), Value::Object(lives)) => {
            wants.len() == lives.len()
                && wants.iter().all(|(key, want)| lives.get(key).is_some_and(|live| masked_alike(want, live)))
        }
        (Value::Array(wants), Value::Array(lives)) => {
            wants.len() == lives.len() && wants.iter().zip(lives).all(|(want, live)| masked_alike(want, live))
        }
        (Value::Number(want), Value::Number(live)) => want == live || want.as_f64() == live.as_f64(),
        _ => want == live,
    }
}

/// What a text says in JSON, if it does.
fn json(value: &Value) -> Option<Value> {
    match value {
        Value::String(text) => serde_json::from_str(text).ok(),
        other => Some(other.clone()),
    }
}

/// The live value without map entries that the service adds by itself, unless the manifest has them too.
fn without_added<'v>(field: &Field, want: Option<&Value>, live: &'v Value) -> Option<Cow<'v, Value>> {
    let added = |key: &String| field.rule.ignore_keys.contains(key) && want.and_then(|w| w.get(key)).is_none();
    match live {
        Value::Object(map) if map.keys().any(added) => {
            let rest: Map<String, Value> =
                map.iter().filter(|(k, _)| !added(k)).map(|(k, v)| (k.clone(), v.clone())).collect();
            (!rest.is_empty()).then_some(Cow::Owned(Value::Object(rest)))
        }
        other => Some(Cow::Borrowed(other)),
    }
}

fn unruled(field: &Field) -> Field {
    Field { rule: plumb_model::schema::Rule::default(), ..field.clone() }
}

fn by_key<'v>(items: &'v [Value], by: &plumb_model::schema::KeyBy) -> BTreeMap<String, &'v Value> {
    items.iter().filter_map(|e| Some((by.of(e)?, e))).collect()
}

fn keys<'k>(keys: impl Iterator<Item = &'k String>) -> BTreeSet<&'k String> {
    keys.collect()
}

/// Whether the policy or the pool supplies everything that is live at and below a place.
fn supplied(path: &Path, live: &Value, above: Inherited<'_>) -> bool {
    let by = |(supplied, depth): (&Supplied, usize)| is_supplied(supplied, &path.0[depth..], live);
    above.policy.is_some_and(by) || above.pool.is_some_and(by)
}

/// Whether the policy or the pool says something else of a place: then the service may refuse what is live there.
fn supplied_otherwise(path: &Path, live: &Value, above: Inherited<'_>) -> bool {
    let by = |(supplied, depth): (&Supplied, usize)| supplied.contains_key(&attribute(&path.0[depth..]));
    !supplied(path, live, above) && (above.policy.is_some_and(by) || above.pool.is_some_and(by))
}

/// Whether a policy supplies everything that is live at and below a place of a cluster.
pub(super) fn is_supplied(supplied: &Supplied, place: &[Segment], live: &Value) -> bool {
    all_supplied(supplied, &attribute(place), live)
}

/// A place of a cluster as policies name it: `aws_attributes.zone_id`.
fn attribute(place: &[Segment]) -> String {
    let name = place.iter().map(|s| match s {
        Segment::Key(key) | Segment::Item(key) => key.clone(),
        Segment::Index(index) => index.to_string(),
    });
    name.collect::<Vec<_>>().join(".")
}

fn all_supplied(supplied: &Supplied, name: &str, live: &Value) -> bool {
    if let Some(value) = supplied.get(name) {
        return value == live || label(value) == label(live);
    }
    match live {
        Value::Object(map) if !map.is_empty() => {
            map.iter().all(|(k, v)| all_supplied(supplied, &format!("{name}.{k}"), v))
        }
        Value::Array(items) if !items.is_empty() => {
            items.iter().enumerate().all(|(i, v)| all_supplied(supplied, &format!("{name}.{i}"), v))
        }
        _ => false,
    }
}

#[cfg(test)]
#[path = "compare_tests.rs"]
mod tests;
