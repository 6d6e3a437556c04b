//! Decisions on manifests and live objects that are written out here: what each field says of who brought it about.

#![allow(clippy::unwrap_used)]

use super::super::{Action, Baseline, Baselines, Change, Input, Live, LiveObject, Plan, Selection, decide};
use super::*;
use crate::kinds::{MarkPlace, Observed, Owner, Rev};
use crate::manifest;
use crate::manifest::{Desired, InMemory, Request};
use plumb_model::address::Address;
use serde_json::json;
use std::collections::BTreeMap;

const PROJECT: &str = "apiVersion: plumb/v1\nkind: Project\nmetadata: {name: p}\nspec:\n  targets:\n    \
                       t: {default: true, sandbox: true}\n    dev: {sandbox: true, mode: development}\n";
const POOL: &str = "apiVersion: plumb/v1\nkind: DatabricksInstancePool\nmetadata: {name: workers}\nspec: \
                    {instance_pool_name: workers, node_type_id: m5.xlarge}\n";
const CLUSTER: &str = "apiVersion: plumb/v1\nkind: DatabricksCluster\nmetadata: {name: shared}\nspec:\n  \
                       spark_version: 15.4.x-scala2.12\n  cluster_name: shared\n  num_workers: 2\n  \
                       instance_pool_id: ${resources.DatabricksInstancePool.workers}\n";
const JOB: &str = "apiVersion: plumb/v1\nkind: DatabricksJob\nmetadata:\n  name: etl\nspec:\n  name: etl\n  \
                   timeout_seconds: 60\n  schedule: {quartz_cron_expression: '0 0 4 * * ?', timezone_id: UTC}\n  \
                   tags: {team: red}\n";

fn load(target: &str, texts: &[&str]) -> Desired {
    let mut files = BTreeMap::from([("plumb.yaml".to_owned(), PROJECT.as_bytes().to_vec())]);
    for (n, text) in texts.iter().enumerate() {
        files.insert(format!("manifests/{n}.yaml"), text.as_bytes().to_vec());
    }
    let request = Request {
        target: Some(target.to_owned()),
        variables: Default::default(),
        env: &|_| None,
        user: Some("ann".to_owned()),
    };
    manifest::load(&InMemory(files), &request, kinds::all()).map_err(|f| f.problems).unwrap()
}

fn owner(kind: &str, name: &str) -> Owner {
    Owner { project: "p".into(), target: "t".into(), address: Address { kind: kind.into(), name: name.into() } }
}

/// A live object just as a manifest wants it, mark included, but for what is edited.
fn live(desired: &Desired, name: &str, id: &str, edit: impl FnOnce(&mut Value)) -> LiveObject {
    let resource = desired.resources.iter().find(|r| r.address.name == name).unwrap();
    let mut spec = resource.spec.to_value();
    let hash = normal::identity(resource.kind.rules(), &resource.spec);
    let rev = Some(Rev { commit: "0123456789ab".into(), hash });
    let owner = owner(&resource.address.kind, name);
    resource.kind.mark().put(&mut spec, &Mark { owner, rev, protect: false, force_destroy: false });
    edit(&mut spec);
    LiveObject::of(
        resource.kind,
        Observed { id: id.into(), spec, state: Some("TERMINATED".into()), ..Observed::default() },
    )
}

fn plan(desired: &Desired, found: Vec<(&'static str, LiveObject)>, bases: &Baselines) -> Plan {
    let mut live = Live::default();
    for (kind, one) in found {
        live.kinds.entry(kind).or_default().push(one);
    }
    let now: jiff::Timestamp = "2024-06-15T12:00:00Z".parse().unwrap();
    decide(&Input {
        desired,
        live: &live,
        baselines: bases,
        selection: &Selection::default(),
        head: Some("0123456789ab"),
        base: None,
        today: now.to_zoned(jiff::tz::TimeZone::UTC).date(),
        now,
        who: "",
        allow_teardown: false,
        kinds: kinds::objects(),
        approval_key: None,
        absent: &[],
    })
    .plan
}

fn change<'p>(plan: &'p Plan, name: &str) -> &'p Change {
    plan.changes.iter().find(|c| c.address.name == name).unwrap_or_else(|| panic!("nothing of {name} in {plan:#?}"))
}

fn field<'p>(plan: &'p Plan, name: &str, path: &str) -> &'p FieldChange {
    let change = change(plan, name);
    change.fields.iter().find(|f| f.path == path).unwrap_or_else(|| panic!("no {path} in {change:#?}"))
}

const KINDS: [&str; 2] = ["DatabricksInstancePool", "DatabricksCluster"];

#[test]
fn an_id_that_changed_behind_a_reference_is_put_down_to_the_reference() {
    let desired = load("t", &[POOL, CLUSTER]);
    let pool = |id: &str| (KINDS[0], live(&desired, "workers", id, |_| ()));
    let cluster = || {
        let of_pool = |spec: &mut Value| spec["instance_pool_id"] = json!("pool-1");
        (KINDS[1], live(&desired, "shared", "c-1", of_pool))
    };
    // The pool was made again: the cluster has the id of one that is gone.
    let made_again = plan(&desired, vec![pool("pool-2"), cluster()], &Baselines::new());
    let found = field(&made_again, "shared", "instance_pool_id");
    assert_eq!(found.origin, None, "nobody changed the cluster");
    assert_eq!(
        found.explanation.as_deref(),
        Some("`${resources.DatabricksInstancePool.workers}` is now pool-2, and no instance pool pool-1 is live")
    );
    assert!(found.source.as_ref().unwrap().nearest, "no commit is named for it");
    // Somebody pointed the cluster at another pool.
    let kind = kinds::find(KINDS[0]).unwrap();
    let spec = json!({ "instance_pool_name": "other", "node_type_id": "m5.xlarge" });
    let other = LiveObject::of(kind, Observed { id: "pool-1".into(), spec, ..Observed::default() });
    let pointed = plan(&desired, vec![pool("pool-2"), (KINDS[0], other), cluster()], &Baselines::new());
    let found = field(&pointed, "shared", "instance_pool_id");
    assert_eq!((found.origin, found.explanation.as_deref()), (Some(ChangeOrigin::Drift), None));
    assert!(!found.source.as_ref().unwrap().nearest);
    // This very plan makes the pool again.
    let edit = |spec: &mut Value| spec["enable_elastic_disk"] = json!(true);
    let wanted = load("t", &[&POOL.replace("m5.xlarge}", "m5.xlarge, enable_elastic_disk: false}"), CLUSTER]);
    let replaced =
        plan(&wanted, vec![(KINDS[0], live(&wanted, "workers", "pool-1", edit)), cluster()], &Baselines::new());
    assert_eq!(change(&replaced, "workers").action, Action::Replace);
    let found = field(&replaced, "shared", "instance_pool_id");
    assert_eq!(found.origin, Some(ChangeOrigin::Manifest));
    assert_eq!(found.explanation.as_deref(), Some("`${resources.DatabricksInstancePool.workers}` gets another id"));
}

#[test]
fn what_nobody_wrote_names_nobody() {
    let desired = load("t", &[JOB]);
    let edit = |spec: &mut Value| {
        spec["max_concurrent_runs"] = json!(9);
        spec["timeout_seconds"] = json!(5);
    };
    let drifted = plan(&desired, vec![("DatabricksJob", live(&desired, "etl", "1", edit))], &Baselines::new());
    let default = field(&drifted, "etl", "max_concurrent_runs");
    assert_eq!(
        (default.origin, default.explanation.as_deref()),
        (Some(ChangeOrigin::Drift), Some("the service's default"))
    );
    assert!(default.source.as_ref().unwrap().nearest);
    let written = field(&drifted, "etl", "timeout_seconds");
    assert_eq!((written.origin, written.explanation.as_deref()), (Some(ChangeOrigin::Drift), None));
    assert!(!written.source.as_ref().unwrap().nearest);
    // What is taken away stands nowhere.
    let mut bases = Baselines::new();
    let before = load("t", &[&JOB.replace("{team: red}", "{team: red, old: x}")]);
    bases.insert(desired.resources[0].address.clone(), Baseline::Spec(before.resources[0].spec.to_value()));
    let dropped = plan(&desired, vec![("DatabricksJob", live(&before, "etl", "1", |_| ()))], &bases);
    let gone = field(&dropped, "etl", "tags.old");
    assert_eq!((gone.op, gone.origin), (Op::Remove, Some(ChangeOrigin::Manifest)));
    assert!(gone.source.as_ref().unwrap().nearest);
    // Nor does what plumb assumes.
    let dag = "apiVersion: plumb/v1\nkind: AirflowDag\nmetadata: {name: d}\nspec:\n  schedule: {cron: '0 4 * * *'}\n  \
               start_date: 2024-01-01\n  tasks: [{id: load, run: '${resources.DatabricksJob.etl}'}]\n";
    let assumed = load("t", &[dag, JOB]);
    let author = |path: &str| assumed.resources[0].place(&Path::default().key(path)).by;
    assert_eq!(
        [author("paused"), author("start_date"), author("tags")],
        [Author::Plumb, Author::Manifest, Author::Nobody]
    );
}

#[test]
fn what_development_mode_wants_is_nobodys_line() {
    let text = JOB.replace("timezone_id: UTC}", "timezone_id: UTC, pause_status: UNPAUSED}");
    for (text, written) in [(JOB, false), (text.as_str(), true)] {
        let schedule = Path::default().key("schedule");
        let place = load("dev", &[text]).resources[0].place(&schedule.key("pause_status"));
        assert_eq!(place.by, Author::Plumb, "{written}");
        let elsewhere = load("t", &[text]).resources[0].place(&schedule.key("pause_status"));
        assert_eq!(elsewhere.by, if written { Author::Manifest } else { Author::Nobody });
        assert_eq!(load("dev", &[text]).resources[0].place(&schedule.key("timezone_id")).by, Author::Manifest);
    }
}

#[test]
fn protection_is_put_down_to_its_own_line_or_to_nobody() {
    let text = JOB.replace("  name: etl\nspec", "  name: etl\n  lifecycle:\n    protect: true\nspec");
    let desired = load("t", &[&text]);
    let on = plan(&desired, vec![("DatabricksJob", live(&desired, "etl", "1", |_| ()))], &Baselines::new());
    let source = field(&on, "etl", "metadata.lifecycle.protect").source.clone().unwrap();
    assert_eq!((source.line, source.nearest), (6, false));
    let desired = load("t", &[JOB]);
    let protected = |spec: &mut Value| spec["tags"]["plumb_protect"] = json!("true");
    let off = plan(&desired, vec![("DatabricksJob", live(&desired, "etl", "1", protected))], &Baselines::new());
    let found = field(&off, "etl", "metadata.lifecycle.protect");
    assert_eq!(found.explanation.as_deref(), Some("plumb's default"));
    assert!(found.source.as_ref().unwrap().nearest);
}

#[test]
fn a_live_grant_is_told_from_a_manifest_that_is_not_applied() {
    let text = format!("{JOB}  permissions:\n    - {{user_name: ann, permission_level: CAN_VIEW}}\n");
    let desired = load("t", &[&text]);
    let address = desired.resources[0].address.clone();
    let grant = |who: &str| {
        let who = who.to_owned();
        move |spec: &mut Value| {
            let more = json!({ "user_name": who, "permission_level": "CAN_MANAGE" });
            spec["permissions"].as_array_mut().unwrap().push(more);
        }
    };
    let found = || vec![("DatabricksJob", live(&desired, "etl", "1", grant("bob")))];
    let told = |bases: &Baselines| {
        let plan = plan(&desired, found(), bases);
        let field = field(&plan, "etl", "permissions[bob]").clone();
        assert!(field.source.unwrap().nearest, "a grant that no manifest has names no commit");
        (field.origin, field.explanation)
    };
    let unsure = (None, Told::unsure().explanation);
    assert_eq!(told(&Baselines::new()), unsure, "the mark's hash says nothing of grants");
    let mut bases = Baselines::new();
    bases.insert(address.clone(), Baseline::Spec(desired.resources[0].spec.to_value()));
    assert_eq!(told(&bases), unsure, "nor does one manifest without those that came after it");
    bases.set_since(address.clone(), Vec::new());
    assert_eq!(told(&bases), (Some(ChangeOrigin::Drift), None));
    let with_bob = json!({ "permissions": [{ "user_name": "bob", "permission_level": "CAN_MANAGE" }] });
    bases.set_since(address, vec![with_bob]);
    assert_eq!(told(&bases), (None, Some("not applied yet, or undone live".into())));
}

#[test]
fn what_was_released_is_left_alone_while_adopt_names_it() {
    let text = JOB.replace("  name: etl\nspec", "  name: etl\n  adopt: \"1\"\nspec");
    let desired = load("t", &[&text]);
    let found = |left: Option<Owner>| {
        let edit = |spec: &mut Value| {
            let tags = MarkPlace::Tags("tags");
            tags.take(spec);
            spec["timeout_seconds"] = json!(5);
            if let Some(owner) = left {
                tags.put_release(spec, &owner);
            }
        };
        vec![("DatabricksJob", live(&desired, "etl", "1", edit))]
    };
    let released = plan(&desired, found(Some(owner("DatabricksJob", "etl"))), &Baselines::new());
    assert_eq!((released.changes.len(), released.blocked.len()), (0, 0));
    let [note] = released.notes.as_slice() else { panic!("{:?}", released.notes) };
    assert!(
        note.message.starts_with("job 1 was released, and nothing is done to it although `adopt` names it"),
        "{note:?}"
    );
    // Whoever never had it takes it over, and so does a manifest of another name.
    for left in [None, Some(owner("DatabricksJob", "other"))] {
        let adopted = plan(&desired, found(left), &Baselines::new());
        assert_eq!(change(&adopted, "etl").action, Action::Adopt);
        assert!(
            adopted.notes.is_empty() && change(&adopted, "etl").fields.iter().all(|f| !f.path.contains("released"))
        );
    }
}
