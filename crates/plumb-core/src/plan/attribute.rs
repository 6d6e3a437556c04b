//! What each field of a change says of itself: where the wanted value stands, and who brought the difference about.

use super::compare::Comparison;
use super::context::PlanContext;
use super::earlier::Baseline;
use super::origin::{NormalBaseline, Told, is_apart};
use super::secrets::{has_places, seal};
use super::verdict::ReferenceIds;
use super::{ChangeOrigin, FieldChange, Op, SourceLine, normal, references};
use crate::kinds::{self, Mark};
use crate::manifest::{Author, Resource};
use plumb_model::schema;
use plumb_model::schema::Path;
use plumb_model::yaml::Span;
use serde_json::Value;

/// What is known of how a resource was before.
pub(super) struct Basis<'w> {
    pub was: Option<&'w NormalBaseline>,
    /// Whether the manifest is the one that was last applied, as far as the hash in the mark says.
    pub same_manifest: bool,
    /// Whether plumb has written the object before.
    pub is_ours: bool,
}

/// The sides of a comparison.
pub(super) struct Sides<'v> {
    /// What is wanted, as the manifest has it: references are not filled in.
    pub spec: &'v Value,
    /// What is wanted, in normal form.
    pub want: &'v Value,
    /// What is live, in normal form.
    pub live: &'v Value,
}

/// A word of the mark about what may become of the object, that a manifest wants otherwise.
pub(super) struct LifecycleFlag {
    /// In `metadata.lifecycle`.
    pub name: &'static str,
    pub was: bool,
    pub wanted: bool,
    /// Where the manifest says it.
    pub span: Option<Span>,
}

/// What the manifest was when the object was last made, if that is known.
pub(super) fn baseline_of(
    context: &PlanContext<'_>,
    ids: &ReferenceIds,
    resource: &Resource,
    mark: Option<&Mark>,
    same_manifest: bool,
) -> Option<NormalBaseline> {
    let rules = resource.kind.rules();
    // An object that is replaced had its old id then: a new one is no drift of those who refer to it.
    let at = |spec: &Value| normal::normal(rules, &references::fill(rules, spec, &ids.live));
    let sealed = |spec: &Value| {
        if has_places(rules, spec) {
            seal(rules, spec, &mut context.vault.clone())
        } else {
            context.sealed(spec).into_owned()
        }
    };
    let by_mark = context.input.base.is_none();
    let was = |spec: Value| {
        let since = context.input.baselines.since(&resource.address);
        let since = since.map(|specs| specs.iter().map(|spec| at(&sealed(spec))).collect());
        NormalBaseline {
            spec: at(&spec),
            written: normal::normal(rules, &spec),
            by_mark,
            is_new: !same_manifest,
            since,
        }
    };
    match context.input.baselines.get(&resource.address) {
        Some(Baseline::Spec(spec)) => Some(was(sealed(spec))),
        Some(Baseline::Nothing) => {
            Some(NormalBaseline { spec: Value::Null, written: Value::Null, by_mark, is_new: true, since: None })
        }
        // The hash in the mark says that the manifest is what it was: no git needed. Of what stands apart it says nothing.
        None if same_manifest && mark.is_some() => {
            let mut was = was(sealed(&resource.spec));
            for spec in [&mut was.spec, &mut was.written] {
                if let Value::Object(map) = spec {
                    map.retain(|member, _| !is_apart(rules, member));
                }
            }
            Some(NormalBaseline { since: None, ..was })
        }
        None => None,
    }
}

/// Tells of each field of a resource where its value comes from.
pub(super) struct FieldSources<'c, 'a> {
    pub context: &'c PlanContext<'a>,
    pub ids: &'c ReferenceIds,
    pub resource: &'c Resource,
}

impl FieldSources<'_, '_> {
    pub(super) fn fields(
        &self,
        comparison: &Comparison,
        unseen: &[Path],
        basis: &Basis<'_>,
        sides: &Sides<'_>,
    ) -> Vec<FieldChange> {
        let rules = self.resource.kind.rules();
        let written = normal::normal(rules, sides.spec);
        let mut fields: Vec<FieldChange> = comparison
            .differences
            .iter()
            .map(|d| {
                let mut field = self.field(&d.path, d.op, d.from.clone(), d.to.clone());
                field.replaces = d.replaces;
                let told = match basis.was {
                    Some(was) => was.origin(rules, &d.path, sides.want, sides.live),
                    None if basis.is_ours && d.path.top().is_some_and(|top| is_apart(rules, top)) => Told::unsure(),
                    None => Told::default(),
                };
                let behind = basis.was.and_then(|was| self.behind(was, &written, &d.path, sides.live));
                if let (Some(_), Some(source)) = (&behind, &mut field.source) {
                    source.nearest = true;
                }
                let told = behind.unwrap_or(told);
                field.origin = told.origin;
                field.explanation = match (field.explanation, told.explanation) {
                    (Some(default), Some(told)) => Some(format!("{told}; {default}")),
                    (default, told) => told.or(default),
                };
                if d.lost {
                    field.note = Some("it cannot be kept beside what is wanted".into());
                    // Whoever set it: what takes it away is the write, and whatever that is for.
                    field.origin = Some(if basis.same_manifest { ChangeOrigin::Drift } else { ChangeOrigin::Manifest });
                    field.explanation = None;
                }
                field
            })
            .collect();
        if comparison.differences.is_empty() {
            fields.extend(unseen.iter().map(|path| {
                let wanted = schema::find(rules, sides.want, path).cloned();
                // Masked, if the service shows even that much.
                let was = schema::find(rules, sides.live, path).cloned();
                let mut field = self.field(path, Op::Change, was, wanted);
                field.note =
                    Some("the service never shows this field; the manifest changed since it was last set".into());
                field.origin = Some(ChangeOrigin::Manifest);
                field
            }));
        }
        fields
    }

    /// What is told of a reference that is what it was, and stands for another object than the one that is live there:
    /// nobody changed the field. `None` where that is not it.
    fn behind(&self, was: &NormalBaseline, written: &Value, path: &Path, live: &Value) -> Option<Told> {
        let rules = self.resource.kind.rules();
        let text = schema::find(rules, written, path)?.as_str()?;
        if schema::find(rules, &was.written, path)?.as_str() != Some(text) {
            return None;
        }
        let address = references::whole(text)?;
        let live = schema::label(schema::find(rules, live, path)?);
        let now = match self.ids.planned.get(&address) {
            Some(id) => format!("`{text}` is now {id}"),
            None => format!("`{text}` gets another id"),
        };
        // The one that is live will be replaced by this very plan.
        if self.ids.live.get(&address) == Some(&live) {
            return Some(Told { origin: Some(ChangeOrigin::Manifest), explanation: Some(now) });
        }
        // Whoever points it at another object that is live has changed it.
        let kind = kinds::find(&address.kind)?;
        let is_read = self.context.reads(kind.name());
        if !is_read
            || !self.context.input.live.unreadable(kind.name()).is_empty()
            || self.context.lookup.id(kind.name(), &live).is_some()
        {
            return None;
        }
        Some(Told { origin: None, explanation: Some(format!("{now}, and no {} {live} is live", kind.noun())) })
    }

    pub(super) fn field(&self, path: &Path, op: Op, from: Option<Value>, to: Option<Value>) -> FieldChange {
        let resource = self.resource;
        let place = resource.place(path);
        let default = || resource.kind.rules().field(path).and_then(|field| field.rule.default.clone());
        let explanation = match place.by {
            _ if to.is_none() => None,
            Author::Plumb if self.context.input.desired.developer.is_some() => {
                Some("what plumb wants in development mode")
            }
            Author::Plumb => Some("plumb's default"),
            Author::Nobody if default() == to => Some("the service's default"),
            Author::Nobody | Author::Manifest | Author::Code => None,
        };
        let nearest = !matches!(place.by, Author::Manifest | Author::Code) || to.is_none();
        let source = self.context.source(place.span).map(|source| SourceLine { nearest, ..source });
        let explanation = explanation.map(str::to_owned);
        FieldChange { from, to, explanation, source, ..FieldChange::new(path.to_string(), op) }
    }

    /// The field of a word of the mark: `metadata.lifecycle.protect`.
    pub(super) fn lifecycle_flag(&self, flag: &LifecycleFlag) -> FieldChange {
        let (context, resource) = (self.context, self.resource);
        let value = |on: bool| Some(Value::from(on));
        let mut field = self.field(&Path::default(), Op::Change, value(flag.was), value(flag.wanted));
        field.path = format!("metadata.lifecycle.{}", flag.name);
        match flag.span {
            Some(span) => field.source = context.source(span),
            None => {
                field.source = context.nearest(resource.span);
                field.explanation = Some("plumb's default".into());
            }
        }
        field
    }
}

#[cfg(test)]
#[path = "attribute_tests.rs"]
mod tests;
