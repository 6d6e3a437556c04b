//! What is written by calls of its own and differs live is told to be changed live, for every kind that has such calls:
//! where the manifests since the mark tell it, and never otherwise.

use crate::fixtures::{self, Fixture};
use crate::world;
use plumb_core::kinds::{self, entries};
use plumb_core::plan::{Baseline, Baselines, ChangeOrigin, FieldChange, Plan, is_apart};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// Another value for a member than the one that is live, as somebody with a browser sets it.
fn changed(live: &Value) -> Option<Value> {
    Some(match live {
        Value::Bool(on) => json!(!on),
        Value::Number(number) => json!(number.as_i64()? + 1),
        Value::String(state) => json!(if state == "running" { "terminated" } else { "running" }),
        // One element more: a grant to somebody, a library.
        Value::Array(items) if items.iter().all(|item| item.get("permission_level").is_some()) => {
            let level = items.first().map_or(json!("CAN_MANAGE"), |item| item["permission_level"].clone());
            let somebody = json!({ "user_name": "somebody@example.com", "permission_level": level });
            items.iter().cloned().chain([somebody]).collect()
        }
        Value::Array(items) if items.iter().all(|item| item.get("privileges").is_some()) => {
            let privileges = items.first()?["privileges"].clone();
            let somebody = json!({ "principal": "somebody@example.com", "privileges": privileges });
            items.iter().cloned().chain([somebody]).collect()
        }
        Value::Array(items) if items.first().is_some_and(|item| item["principal"].is_string()) => {
            let somebody = json!({ "principal": "somebody@example.com", "permission": "READ" });
            items.iter().cloned().chain([somebody]).collect()
        }
        Value::Array(items) => items.iter().cloned().chain([json!({ "pypi": { "package": "somebodys" } })]).collect(),
        Value::Object(map) => {
            let mut map = map.clone();
            let number = map.values_mut().find(|value| value.is_number())?;
            *number = json!(number.as_i64()? + 1);
            Value::Object(map)
        }
        Value::Null => return None,
    })
}

fn of<'p>(plan: &'p Plan, member: &str) -> Vec<&'p FieldChange> {
    let fields = plan.changes.iter().flat_map(|change| &change.fields);
    fields.filter(|field| field.path.split(['.', '[']).next() == Some(member)).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_has_calls_of_its_own_is_told_to_be_changed_live() {
    let mut seen: BTreeSet<(&str, String)> = BTreeSet::new();
    for kind in kinds::objects() {
        let all = fixtures::of(*kind);
        let members = |fixture: &Fixture| -> Vec<String> {
            let desired = world::load(&fixture.files());
            let resource = desired.resources.iter().find(|r| r.kind.name() == kind.name()).unwrap();
            let spec = resource.spec.as_object().unwrap();
            // Nothing live has a mode; and of an additive list what is added live is no difference: `additive.rs`.
            let is_tried = |m: &String| {
                is_apart(kind.rules(), m) && !kind.rules().is_mode(m) && !entries::is_additive(&resource.spec, m)
            };
            spec.iter().filter(|(m, v)| !v.is_null() && is_tried(m)).map(|(m, _)| m.clone()).collect()
        };
        for fixture in all.iter().filter(|fixture| !members(fixture).is_empty()) {
            let new: Vec<String> = members(fixture);
            let new: Vec<String> = new.into_iter().filter(|m| !seen.contains(&(kind.name(), m.clone()))).collect();
            if new.is_empty() {
                continue;
            }
            let (world, desired) = (fixture.world().await, world::load(&fixture.files()));
            world.settle(&desired, &fixture.name()).await;
            let (live, settled) = world.plan(&desired).await;
            assert!(settled.plan.is_empty(), "{}", fixture.name());
            for member in new {
                let resource = desired.resources.iter().find(|r| r.kind.name() == kind.name()).unwrap();
                let mut live = live.clone();
                let found = live.kinds.get_mut(kind.name()).unwrap().iter_mut();
                let mut own = found.filter(|f| f.mark.as_ref().is_some_and(|m| m.owner.address == resource.address));
                let one = &mut own.next().unwrap().seen;
                let Some(other) = changed(&one.spec()[&member]) else { continue };
                one.edit(|seen| seen.spec[&member] = other);
                let what = format!("{}: {member}", fixture.name());
                // The manifest is that of the mark's commit, and was no other since.
                let mut bases = Baselines::new();
                bases.insert(resource.address.clone(), Baseline::Spec(resource.spec.to_value()));
                let guessed = world::decision_by(&desired, &live, &bases).plan;
                bases.set_since(resource.address.clone(), Vec::new());
                let told = world::decision_by(&desired, &live, &bases).plan;
                assert!(!of(&told, &member).is_empty(), "{what}: no difference\n{}", world::text(&told));
                for field in of(&told, &member) {
                    assert_eq!(field.origin, Some(ChangeOrigin::Drift), "{what}: {}", field.path);
                }
                let shown = world::every_form(&told);
                assert!(shown.contains("changed live") && shown.contains("\"drift\""), "{what}\n{shown}");
                let drift = plumb_core::plan::drift::drift(&told);
                assert_eq!(of(&drift, &member).len(), of(&told, &member).len(), "{what}");
                // Without what came since, and without git, it is said that it cannot be told.
                for plan in [guessed, world::decision(&desired, &live).plan] {
                    for field in of(&plan, &member) {
                        assert_eq!(field.origin, None, "{what}: {}", field.path);
                        let says = field.explanation.as_deref().unwrap_or_default();
                        assert!(says.contains("cannot be told"), "{what}: {says}");
                    }
                    assert!(world::text(&plan).contains("cannot be told"), "{what}");
                }
                seen.insert((kind.name(), member));
            }
        }
    }
    let seen: BTreeSet<String> = seen.into_iter().map(|(kind, member)| format!("{kind}.{member}")).collect();
    let all = kinds::objects().iter().flat_map(|kind| {
        let rules = kind.rules();
        let members = match &rules.root.shape {
            plumb_model::schema::Shape::Object(object) => &rules.of(*object).members,
            _ => panic!("{} is no object", kind.name()),
        };
        let of_own = |m: &&String| is_apart(rules, m) && !rules.is_mode(m);
        members.keys().filter(of_own).map(|m| format!("{}.{m}", kind.name())).collect::<Vec<_>>()
    });
    assert_eq!(seen, all.collect(), "every member that has calls of its own is tried");
}
