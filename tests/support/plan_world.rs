//! A project and a workspace in memory, for tests of what is decided: manifests as text, live objects as JSON.

#![allow(clippy::unwrap_used, dead_code)]

use plumb_core::kinds::{self, Contents, Kind, Mark, Observed, Owner, Rev};
use plumb_core::manifest;
use plumb_core::manifest::{Desired, InMemory, Request};
use plumb_core::plan::{Baselines, Decision, Input, Live, LiveObject, Op, Plan, Selection, decide, normal};
use plumb_model::address::Address;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// The kind of which most of these tests are: it is small, and has rules of every sort.
pub const POOL: &str = "DatabricksInstancePool";
/// A kind that refers to it.
pub const CLUSTER: &str = "DatabricksCluster";

/// What a plan is made of, and may be told to do otherwise.
pub struct World {
    /// Documents, one after the other.
    pub manifests: String,
    /// `spec.guards` of the project, as JSON.
    pub guards: Value,
    pub live: Live,
    pub selection: Selection,
    pub kinds: Vec<&'static dyn Kind>,
    pub today: jiff::civil::Date,
    pub now: jiff::Timestamp,
}

/// A manifest. `metadata` goes behind its name: `, adopt: p-1`.
pub fn manifest(kind: &str, name: &str, metadata: &str, spec: &Value) -> String {
    format!("---\napiVersion: plumb/v1\nkind: {kind}\nmetadata: {{name: {name}{metadata}}}\nspec: {spec}\n")
}

/// The manifest of a pool that is called as it.
pub fn pool(name: &str, metadata: &str) -> String {
    manifest(POOL, name, metadata, &pool_spec(name))
}

/// Its spec.
pub fn pool_spec(name: &str) -> Value {
    json!({"instance_pool_name": name, "node_type_id": "i3.xlarge", "max_capacity": 10})
}

/// The address of a pool.
pub fn address(name: &str) -> Address {
    Address { kind: POOL.into(), name: name.into() }
}

/// A mark of `PROJECT/TARGET/KIND/NAME`, with the hash of what was applied.
pub fn mark(owner: &str, hash: &str) -> Mark {
    let parts: Vec<&str> = owner.splitn(4, '/').collect();
    let [project, target, kind, name] = parts[..] else { panic!("{owner} is no owner") };
    let address = Address { kind: kind.into(), name: name.into() };
    let owner = Owner { project: project.into(), target: target.into(), address };
    Mark {
        owner,
        rev: Some(Rev { commit: "0123456789ab".into(), hash: hash.into() }),
        protect: false,
        force_destroy: false,
    }
}

impl World {
    /// A project with these manifests, and nothing live.
    pub fn of(manifests: impl Into<String>) -> World {
        World {
            manifests: manifests.into(),
            guards: json!({}),
            live: Live::default(),
            selection: Selection::default(),
            kinds: kinds::objects().to_vec(),
            today: jiff::civil::date(2024, 6, 15),
            now: "2024-06-15T12:00:00Z".parse().unwrap(),
        }
    }

    /// What the manifests ask for.
    pub fn desired(&self) -> Desired {
        let guards = &self.guards;
        let project = format!(
            "apiVersion: plumb/v1\nkind: Project\nmetadata: {{name: bau}}\nspec:\n  guards: {guards}\n  targets: {{prod: {{}}}}\n"
        );
        let files = BTreeMap::from([
            (manifest::PROJECT_FILE.to_owned(), project.into_bytes()),
            ("manifests/all.yaml".to_owned(), self.manifests.clone().into_bytes()),
        ]);
        let request =
            Request { target: Some("prod".into()), variables: Default::default(), env: &|_| None, user: None };
        manifest::load(&InMemory(files), &request, kinds::all()).unwrap_or_else(|f| panic!("{:#?}", f.problems))
    }

    /// Puts an object into the workspace.
    pub fn with(mut self, kind: &str, id: &str, spec: Value, mark: Option<Mark>) -> World {
        let kind = kinds::find(kind).unwrap();
        let seen = Observed { id: id.into(), spec, facts: json!({}), ..Observed::default() };
        self.live.kinds.entry(kind.name()).or_default().push(LiveObject { seen: seen.into(), mark, released: None });
        self
    }

    /// Puts a pool into the workspace, with a mark where an owner is named. No manifest has its hash.
    pub fn with_pool(self, id: &str, name: &str, owner: &str) -> World {
        let mark = (!owner.is_empty()).then(|| mark(owner, "00000000"));
        self.with(POOL, id, pool_spec(name), mark)
    }

    /// Puts what a manifest asks for into the workspace, as the apply of it left it, but for these members.
    pub fn applied(self, kind: &str, name: &str, id: &str, but: Value) -> World {
        let desired = self.desired();
        let resource = desired.resources.iter().find(|r| r.address.kind == kind && r.address.name == name).unwrap();
        let hash = normal::identity(resource.kind.rules(), &resource.spec);
        let mut spec = resource.spec.to_value();
        for (member, value) in but.as_object().unwrap() {
            spec[member] = value.clone();
        }
        self.with(kind, id, spec, Some(mark(&format!("bau/prod/{kind}/{name}"), &hash)))
    }

    /// Has the mark of an object protect it.
    pub fn protected(mut self, id: &str) -> World {
        let all = self.live.kinds.values_mut().flatten();
        all.filter(|f| f.seen.id == id).filter_map(|f| f.mark.as_mut()).for_each(|mark| mark.protect = true);
        self
    }

    /// Has the mark of an object say that it may be deleted with what it holds.
    pub fn forced(mut self, id: &str) -> World {
        let all = self.live.kinds.values_mut().flatten();
        all.filter(|f| f.seen.id == id).filter_map(|f| f.mark.as_mut()).for_each(|mark| mark.force_destroy = true);
        self
    }

    /// Has it be known what an object holds.
    pub fn holding(mut self, id: &str, contents: Contents) -> World {
        let all = self.live.kinds.values_mut().flatten();
        all.filter(|f| f.seen.id == id).for_each(|found| found.seen.contents = contents.clone());
        self
    }

    /// Has a command be about these addresses alone.
    pub fn only(mut self, patterns: &[&str]) -> World {
        self.selection.only = patterns.iter().map(|pattern| (*pattern).to_owned()).collect();
        self
    }

    /// The decision on it.
    pub fn decision(&self, desired: &Desired) -> Decision {
        decide(&Input {
            desired,
            live: &self.live,
            baselines: &Baselines::new(),
            selection: &self.selection,
            head: None,
            base: None,
            today: self.today,
            now: self.now,
            who: "",
            allow_teardown: false,
            kinds: &self.kinds,
            approval_key: None,
            absent: &[],
        })
    }

    /// The plan.
    pub fn plan(&self) -> Plan {
        self.decision(&self.desired()).plan
    }

    /// What is planned and what is refused, each by the name of its manifest: `update a`, `blocked b`.
    pub fn says(&self) -> Vec<String> {
        let plan = self.plan();
        let name = |action: &Value, address: Option<&Address>| {
            format!("{} {}", action.as_str().unwrap(), address.map_or("all", |a| a.name.as_str()))
        };
        let changes = plan.changes.iter().map(|c| name(&json!(c.action), Some(&c.address)));
        let blocked = plan.blocked.iter().map(|b| name(&json!("blocked"), b.address.as_ref()));
        let mut said: Vec<String> = changes.chain(blocked).collect();
        said.sort();
        said
    }

    /// The fields that change, with a sign for what happens to each: `+max_capacity`.
    pub fn fields(&self) -> Vec<String> {
        let sign = |op: Op| match op {
            Op::Add => '+',
            Op::Change => '~',
            Op::Remove => '-',
        };
        let plan = self.plan();
        plan.changes.iter().flat_map(|c| &c.fields).map(|f| format!("{}{}", sign(f.op), f.path)).collect()
    }
}
