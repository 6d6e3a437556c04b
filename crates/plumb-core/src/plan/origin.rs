//! Who brought a difference about: the manifest as it was, beside the one that is wanted and what is live.

use super::ChangeOrigin;
use super::compare::masked_alike;
use crate::kinds::entries::is_additive;
use plumb_model::schema;
use plumb_model::schema::{Path, Rules, Unset};
use serde_json::Value;

/// What a manifest was.
pub(super) struct NormalBaseline {
    /// In normal form, references filled in with the ids that are live now.
    pub spec: Value,
    /// The same with the references as they are written.
    pub written: Value,
    /// Whether it is what the mark's commit has. A write of what stands apart (a resize, a grant) leaves the mark as it
    /// was, so any manifest since then may be the one that was applied last.
    pub by_mark: bool,
    /// Whether the manifest that is wanted says something else of the rest than the mark's hash: an apply of it would have
    /// written another mark, so it was none of those.
    pub is_new: bool,
    /// What the manifests since the mark's commit said of what stands apart, where the history tells.
    pub since: Option<Vec<Value>>,
}

/// What is told of a difference.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Told {
    /// `None` where it cannot be told.
    pub origin: Option<ChangeOrigin>,
    /// What a reader should know of that.
    pub explanation: Option<String>,
}

impl Told {
    /// The live side or the manifest changed, and nothing tells which.
    pub fn unsure() -> Told {
        Told { origin: None, explanation: Some("changed live or in the manifest: which of them cannot be told".into()) }
    }
}

impl From<ChangeOrigin> for Told {
    fn from(origin: ChangeOrigin) -> Told {
        Told { origin: Some(origin), explanation: None }
    }
}

impl NormalBaseline {
    /// Who brought a difference about.
    pub fn origin(&self, rules: &Rules, path: &Path, want: &Value, live: &Value) -> Told {
        let at = |spec: &Value| schema::find(rules, spec, path).cloned();
        let whole = live;
        let (base, want, live) = (at(&self.spec), at(want), at(whole));
        // What the service masks, and what was a secret that is not known any more, is taken for what it was: nobody can
        // tell.
        let live = match (&base, live) {
            (Some(base), Some(live)) if masked_alike(base, &live) || masked_alike(&live, base) => Some(base.clone()),
            (_, live) => live,
        };
        if let Some(member) = path.top().filter(|member| self.by_mark && is_apart(rules, member)) {
            let told = self.origin_apart(rules, path, member, &want, &live);
            // One call writes all of a member. Where nothing of it is live, that call may never have been sent.
            let is_bare = is_left_alone(rules, member) && is_nothing(whole.get(member));
            let may_be_unwritten = is_bare && told.origin == Some(ChangeOrigin::Drift);
            let doubt = may_be_unwritten.then(|| "unless an apply stopped before it wrote this".to_owned());
            return Told { explanation: told.explanation.or(doubt), ..told };
        }
        Told::from(three_way(&base, &want, &live))
    }

    /// The same for what is written by calls of its own. Nothing on the object tells which manifest was applied last: it
    /// may be that of the mark's commit, the one that is wanted now, or any between them. What holds for each of them is
    /// told.
    fn origin_apart(
        &self,
        rules: &Rules,
        path: &Path,
        member: &str,
        want: &Option<Value>,
        live: &Option<Value>,
    ) -> Told {
        let Some(since) = &self.since else { return Told::unsure() };
        let mut applied = std::iter::once(&self.spec).chain(since);
        let mut said = Vec::new();
        // An additive list left alone whatever it did not name.
        let is_silent = |spec: &Value| is_additive(spec, member) && schema::find(rules, spec, path).is_none();
        let silent = applied.clone().filter(|spec| is_silent(spec)).count();
        if silent == since.len() + 1 {
            let explanation = want.is_none().then(|| "the list was additive before".to_owned());
            return Told { origin: Some(ChangeOrigin::Manifest), explanation };
        }
        if silent > 0 {
            let explanation = if want.is_none() {
                "the list was additive before: not applied yet, or added live"
            } else {
                "not applied yet, or undone live"
            };
            return Told { origin: None, explanation: Some(explanation.into()) };
        }
        // A manifest that said nothing of it left alone what was live.
        if !applied.all(|spec| {
            said.push(schema::find(rules, spec, path).cloned());
            spec.get(member).is_some() || !is_left_alone(rules, member)
        }) {
            return Told::unsure();
        }
        if self.is_new && said.iter().all(|value| *value == said[0]) {
            Told::from(three_way(&said[0], want, live))
        } else if said.contains(live) {
            // What an earlier manifest had.
            Told { origin: None, explanation: Some("not applied yet, or undone live".into()) }
        } else if said.iter().all(|value| value == want) {
            Told::from(ChangeOrigin::Drift)
        } else {
            Told {
                origin: Some(ChangeOrigin::Both),
                explanation: Some("whether the manifest's change was applied before that cannot be told".into()),
            }
        }
    }
}

fn three_way(base: &Option<Value>, want: &Option<Value>, live: &Option<Value>) -> ChangeOrigin {
    if want == base && live != base {
        ChangeOrigin::Drift
    } else if live == base {
        ChangeOrigin::Manifest
    } else {
        ChangeOrigin::Both
    }
}

/// Whether a manifest that does not set a member leaves alone what is live of it.
fn is_left_alone(rules: &Rules, member: &str) -> bool {
    let field = rules.field(&Path::default().key(member));
    field.is_some_and(|field| field.rule.unset == Some(Unset::Server))
}

fn is_nothing(live: Option<&Value>) -> bool {
    match live {
        None | Some(Value::Null | Value::Bool(false)) => true,
        Some(Value::Array(items)) => items.is_empty(),
        Some(_) => false,
    }
}

/// Whether a member of a spec is written by calls of its own, and so is not in the mark's hash.
pub fn is_apart(rules: &Rules, member: &str) -> bool {
    match &rules.root.shape {
        schema::Shape::Object(object) => rules.of(*object).members.get(member).is_some_and(|f| f.rule.apart),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kinds;
    use crate::plan::normal;
    use serde_json::json;

    /// What a manifest says of grants; `None`: nothing.
    type Said<'a> = Option<&'a [(&'a str, &'a str)]>;
    /// A story, the path, the sides, what the manifests since the mark said, and who did it.
    type Case<'a> = (&'a str, &'a str, [Said<'a>; 3], Option<&'a [Said<'a>]>, Option<ChangeOrigin>);

    fn grants(all: &[(&str, &str)]) -> Value {
        all.iter().map(|(who, level)| json!({ "user_name": who, "permission_level": level })).collect()
    }

    /// Who brought about that a job's grants are other than wanted, by what its manifests said of them: at the mark's
    /// commit, since then and now. `None`: nothing.
    fn told(path: &str, [base, want, live]: [Said<'_>; 3], since: Option<&[Said<'_>]>, by_mark: bool) -> Told {
        let rules = kinds::find("DatabricksJob").unwrap().rules();
        let spec = |said: Said<'_>| match said {
            Some(all) => normal::normal(rules, &json!({ "permissions": grants(all) })),
            None => json!({}),
        };
        let since = since.map(|since| since.iter().map(|said| spec(*said)).collect());
        let was = NormalBaseline { spec: spec(base), written: spec(base), by_mark, is_new: false, since };
        was.origin(rules, &crate::manifest::path(rules, path).unwrap(), &spec(want), &spec(live))
    }

    const ANN: (&str, &str) = ("ann", "CAN_VIEW");
    const ANN_MORE: (&str, &str) = ("ann", "CAN_MANAGE_RUN");
    const BOB: (&str, &str) = ("bob", "CAN_MANAGE");

    #[test]
    fn a_grant_is_told_by_every_manifest_that_may_have_been_applied() {
        let (drift, both) = (Some(ChangeOrigin::Drift), Some(ChangeOrigin::Both));
        let (bob, ann) = ("permissions[bob]", "permissions[ann].permission_level");
        let only_ann: Option<&[_]> = Some(&[ANN]);
        let with_bob: Option<&[_]> = Some(&[ANN, BOB]);
        let more: Option<&[_]> = Some(&[ANN_MORE]);
        let other: Option<&[_]> = Some(&[("ann", "CAN_MANAGE")]);
        let cases: [Case<'_>; 12] = [
            ("somebody was let in", bob, [only_ann, only_ann, with_bob], Some(&[]), drift),
            ("and no history tells", bob, [only_ann, only_ann, with_bob], None, None),
            ("a manifest between let him in", bob, [only_ann, only_ann, with_bob], Some(&[with_bob]), None),
            ("a manifest between did something else", bob, [only_ann, only_ann, with_bob], Some(&[more]), drift),
            ("he was let in before, and shut out now", bob, [with_bob, only_ann, with_bob], Some(&[only_ann]), None),
            ("a level was changed", ann, [only_ann, only_ann, other], Some(&[]), drift),
            ("a manifest between had that level", ann, [only_ann, only_ann, more], Some(&[more]), None),
            ("the manifest changed, and may wait", ann, [only_ann, more, only_ann], Some(&[more]), None),
            ("the manifest changed, and live is a third", ann, [only_ann, more, other], Some(&[more]), both),
            ("the manifest said nothing before", bob, [None, only_ann, with_bob], Some(&[only_ann]), None),
            ("nor did one between", bob, [only_ann, only_ann, with_bob], Some(&[None]), None),
            ("somebody was shut out", bob, [with_bob, with_bob, only_ann], Some(&[]), drift),
        ];
        for (what, path, sides, since, origin) in cases {
            let told = told(path, sides, since, true);
            assert_eq!(told.origin, origin, "{what}");
            // What is not known, or not wholly, is said.
            assert_eq!(told.explanation.is_some(), origin != drift, "{what}");
        }
    }

    #[test]
    fn a_manifest_that_an_apply_would_have_marked_was_not_applied() {
        let rules = kinds::find("DatabricksJob").unwrap().rules();
        let spec = |level: &str| normal::normal(rules, &json!({ "permissions": grants(&[("ann", level)]) }));
        let path = crate::manifest::path(rules, "permissions[ann].permission_level").unwrap();
        let (old, new, third) = (spec("CAN_VIEW"), spec("CAN_MANAGE_RUN"), spec("CAN_MANAGE"));
        let told = |since: &Value, live: &Value| {
            let since = Some(vec![since.clone()]);
            let was = NormalBaseline { spec: old.clone(), written: old.clone(), by_mark: true, is_new: true, since };
            was.origin(rules, &path, &new, live)
        };
        assert_eq!(told(&old, &old), Told::from(ChangeOrigin::Manifest));
        assert_eq!(told(&old, &third), Told::from(ChangeOrigin::Both));
        assert_eq!(told(&third, &old).origin, None, "one between may have been");
    }

    #[test]
    fn against_a_branch_only_the_two_manifests_count() {
        let both: [Option<&[_]>; 3] = [Some(&[ANN]), Some(&[ANN_MORE]), Some(&[ANN])];
        let path = "permissions[ann].permission_level";
        assert_eq!(told(path, both, None, false), Told::from(ChangeOrigin::Manifest));
        let drift: [Option<&[_]>; 3] = [Some(&[ANN]), Some(&[ANN]), Some(&[ANN_MORE])];
        assert_eq!(told(path, drift, None, false), Told::from(ChangeOrigin::Drift));
    }

    #[test]
    fn where_nothing_is_live_the_call_may_never_have_been_sent() {
        let sides = |live| -> [Option<&[_]>; 3] { [Some(&[ANN, BOB]), Some(&[ANN, BOB]), Some(live)] };
        let all_gone = told("permissions[bob]", sides(&[]), Some(&[]), true);
        assert_eq!(all_gone.origin, Some(ChangeOrigin::Drift));
        assert_eq!(all_gone.explanation.as_deref(), Some("unless an apply stopped before it wrote this"));
        assert_eq!(told("permissions[bob]", sides(&[ANN]), Some(&[]), true), Told::from(ChangeOrigin::Drift));
    }

    #[test]
    fn what_an_additive_list_did_not_name_is_no_drift_once_the_list_is_exact() {
        let rules = kinds::find("DatabricksJob").unwrap().rules();
        let spec = |all: &[(&str, &str)], mode: Option<&str>| {
            normal::normal(rules, &json!({ "permissions": grants(all), "permissions_mode": mode }))
        };
        let told = |base: &Value, since: &[&Value], want: &Value, live: &Value| {
            let since = Some(since.iter().map(|&spec| spec.clone()).collect());
            let was = NormalBaseline { spec: base.clone(), written: base.clone(), by_mark: true, is_new: false, since };
            was.origin(rules, &crate::manifest::path(rules, "permissions[bob]").unwrap(), want, live)
        };
        let (some, all) = (spec(&[ANN], Some("additive")), spec(&[ANN], None));
        let both = spec(&[ANN, BOB], None);
        let now_exact = told(&some, &[], &all, &both);
        assert_eq!(now_exact.origin, Some(ChangeOrigin::Manifest));
        assert_eq!(now_exact.explanation.as_deref(), Some("the list was additive before"));
        // It may have been applied meanwhile, and he let in again.
        let since = told(&some, &[&all], &all, &both);
        assert_eq!(since.origin, None);
        assert_eq!(since.explanation.as_deref(), Some("the list was additive before: not applied yet, or added live"));
        // Whom the list names only now, nobody took away.
        let more = spec(&[ANN, BOB], Some("additive"));
        assert_eq!(told(&some, &[], &more, &some), Told::from(ChangeOrigin::Manifest));
        assert_eq!(told(&some, &[&more], &more, &some).origin, None);
        // Whom it always named, somebody took away.
        assert_eq!(told(&more, &[], &more, &some), Told::from(ChangeOrigin::Drift));
    }
}
