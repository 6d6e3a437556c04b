//! What a plan does to the things that a ladder's manifest matches.

use super::{
    Because, Clock, Decided, Descent, Known, Next, Question, Rung, Starts, Successor, basis, decide, returned,
};
use crate::kinds::emr::ladder::{LadderSpec, Outcome};
use crate::kinds::emr::old::{Old, TAG_NOT_BEFORE};
use crate::kinds::{Impact, ImpactClass, Kind, MarkPlace, Owner, Rev, Step, Unreadable, Verb};
use crate::manifest::Resource;
use crate::plan::decide::Decider;
use crate::plan::unreadable::unread_part;
use crate::plan::{Action, Blocked, Change, FieldChange, Found, Note, Op, Origin, Source, normal};
use plumb_model::address::Address;
use serde_json::{Value, json};

/// The address of one thing that a manifest matches: `EmrCluster/legacy-audience/j-2A7Q4M1N9KPLF`.
fn address_of(resource: &Resource, id: &str) -> Address {
    Address { kind: resource.address.kind.clone(), name: format!("{}/{id}", resource.address.name) }
}

impl<'a> Decider<'a> {
    /// Decides on everything that a ladder's manifest matches.
    pub(in crate::plan) fn ladder(&mut self, resource: &'a Resource) {
        if !self.input.selection.has(resource) {
            return;
        }
        let spec = LadderSpec::of(&resource.spec);
        let matched: Vec<(&Found, Old)> = self.matched(resource, &spec);
        let told = |decider: &Self| (decider.changes.len(), decider.descents.len(), decider.blocked.len());
        let before = told(self);
        for (found, old) in &matched {
            if let Some(other) = self.also_matched_by(resource, old) {
                self.refuse(resource, old, format!("{other} matches it too"), "let one manifest match it".into());
                continue;
            }
            let known = self.known(resource, &spec, old);
            self.one(resource, &spec, found, old, &known);
        }
        self.refuse_unread(resource, |id, name| spec.matches.may_match(id, name));
        // What waits is not as it should be.
        if told(self) == before {
            self.unchanged += 1;
        }
        if let Some((path, why)) = self.input.live.evidence.broken.first().filter(|_| !matched.is_empty()) {
            let message = format!("{path} is no report of a comparison: {why}");
            if self.notes.iter().all(|note| note.message != message) {
                self.notes.push(Note { address: None, message });
            }
        }
    }

    fn matched(&self, resource: &Resource, spec: &LadderSpec) -> Vec<(&'a Found, Old)> {
        let all = self.input.live.of(resource.kind.name()).iter();
        all.filter_map(|found| Some((found, Old::of(&found.seen)?)))
            .filter(|(_, old)| spec.matches.matches(&old.id, &old.name, &old.tags))
            .collect()
    }

    /// Another manifest that matches the same thing: what one of them keeps, the other may take down.
    fn also_matched_by(&self, resource: &Resource, old: &Old) -> Option<&'a Address> {
        let others = self.input.desired.resources.iter();
        let others = others.filter(|r| r.address.kind == resource.address.kind && r.address != resource.address);
        let matches = |r: &&Resource| LadderSpec::of(&r.spec).matches.matches(&old.id, &old.name, &old.tags);
        others.into_iter().find(matches).map(|r| &r.address)
    }

    fn refuse(&mut self, resource: &Resource, old: &Old, reason: String, remedy: String) {
        let address = Some(address_of(resource, &old.id));
        self.blocked.push(Blocked { guard: None, address, reason, remedy: Some(remedy) });
    }

    fn one(&mut self, resource: &'a Resource, spec: &LadderSpec, found: &Found, old: &Old, known: &Known) {
        let desired = self.input.desired;
        let (project, target) = (desired.project.name.clone(), desired.mark_target());
        let owner = Owner { project, target, address: resource.address.clone() };
        let commit = self.input.head.unwrap_or("000000000000").chars().take(12).collect();
        let rev = Rev { commit, hash: normal::identity(resource.kind.rules(), &resource.spec) }.to_string();
        let decided = decide(&Question {
            old,
            spec,
            known,
            owner: &owner,
            rev: &rev,
            who: self.input.teardown.who,
            clock: Clock::at(self.input.now),
            has_tags: resource.kind.mark() != MarkPlace::Nowhere,
            key: self.input.teardown.key,
            commits: &self.input.live.commits,
        });
        if let Some(other) = &decided.foreign {
            let remedy = format!("take the match out of one of them, or the tag `plumb` off {}", old.id);
            return self.refuse(resource, old, format!("it is marked by {other}"), remedy);
        }
        let back = returned(old, spec);
        match &decided.next {
            Next::Nothing => {}
            Next::Tag { tags, because } => {
                let why = decided.doubt.as_deref().or(back.as_deref());
                self.tag(resource, found, old, tags, *because, (back.is_some(), why));
            }
            Next::TakeDown => self.take_down(resource, found, old),
        }
        // What goes for good is made again by whoever keeps a description of it.
        if let Some(tool) = resource.kind.managed_by(&found.seen).filter(|_| decided.rung == Rung::Due) {
            let message = format!("{}: terminate it there, or it is made again", tool.says());
            self.notes.push(Note { address: Some(address_of(resource, &old.id)), message });
        }
        if spec.desired == Outcome::Teardown {
            self.descents.push(descent(resource, old, decided, back));
        }
    }

    fn tag(
        &mut self,
        resource: &'a Resource,
        found: &Found,
        old: &Old,
        tags: &Value,
        because: Because,
        (back, why): (bool, Option<&str>),
    ) {
        let origin = Some(if back { Origin::Drift } else { Origin::Manifest });
        // When, by whom and at which commit it is marked is no part of what is approved: it is true when it is done.
        let shown = tags.as_object().into_iter().flatten().filter(|(key, _)| SHOWN.contains(&key.as_str()));
        let fields = shown
            .map(|(key, to)| {
                let from = old.tags.get(key).map(|text| json!(text));
                let to = Some(to.clone()).filter(|to| !to.is_null());
                let op = match (&from, &to) {
                    (_, None) => Op::Remove,
                    (None, _) => Op::Add,
                    _ => Op::Change,
                };
                // The line that asked for it, and the commit that wrote that line.
                let said = if key == TAG_NOT_BEFORE { "teardown.notBefore" } else { "desired" };
                let (path, source) = (format!("tags.{key}"), self.said(resource, said));
                FieldChange { path, op, from, to, origin, replaces: false, explanation: None, note: None, source }
            })
            .filter(|field| field.from != field.to)
            .collect();
        let body = json!({ "tags": tags });
        let (action, reason) = match because {
            Because::Kept => (Action::Release, "its manifest says `desired: keep`".to_owned()),
            Because::Foreign => {
                (Action::Mark, format!("{}; its grace period starts again", why.unwrap_or("its mark does not count")))
            }
            Because::Amended => (Action::Mark, "what its mark says is no longer so".to_owned()),
            Because::Marked => (
                Action::Mark,
                match why {
                    Some(back) => format!("returned: {back}"),
                    None => "its manifest says `desired: teardown`".to_owned(),
                },
            ),
        };
        let verb = Verb::Update;
        let step = Step { verb, live: Some(&found.seen), body: &body, changed: &[], now: self.input.now };
        self.descend(resource, action, old, &step, fields, reason);
    }

    fn take_down(&mut self, resource: &'a Resource, found: &Found, old: &Old) {
        let verb = Verb::Delete;
        let step = Step { verb, live: Some(&found.seen), body: &Value::Null, changed: &[], now: self.input.now };
        self.descend(resource, Action::Terminate, old, &step, Vec::new(), "every gate holds".into());
    }

    fn descend(
        &mut self,
        resource: &'a Resource,
        action: Action,
        old: &Old,
        step: &Step<'_>,
        fields: Vec<FieldChange>,
        reason: String,
    ) {
        let calls = match resource.kind.calls(step) {
            Ok(calls) => calls,
            Err(e) => {
                let address = Some(address_of(resource, &old.id));
                return self.blocked.push(Blocked { guard: None, address, reason: e.0, remedy: None });
            }
        };
        let impacts = if action == Action::Terminate { impacts(resource.kind, old) } else { Vec::new() };
        let (impacts, disrupts) = Impact::split(impacts);
        self.changes.push(Change {
            address: address_of(resource, &old.id),
            action,
            id: Some(old.id.clone()),
            title: old.name.clone(),
            reason: Some(reason),
            origin: None,
            impacts,
            disrupts,
            next_run: None,
            fields,
            depends_on: Vec::new(),
            moved_from: None,
            source: self.said(resource, "desired"),
            digest: String::new(),
            calls,
            read: Some(basis(old, action)),
            shown_read: None,
        });
    }

    /// Where the manifest says something of its teardown.
    fn said(&self, resource: &Resource, path: &str) -> Option<Source> {
        let written = path.split('.').try_fold(&resource.node, |node, key| node.get(key));
        let source = self.source(resource.node.at(path).span)?;
        Some(Source { nearest: written.is_none(), ..source })
    }

    /// What the gates of a manifest look at.
    fn known(&self, resource: &Resource, spec: &LadderSpec, old: &Old) -> Known {
        let rules = spec.gates();
        let requires = rules.requires.clone().unwrap_or_default();
        let successors = rules.replaced_by.unwrap_or_default().into_iter().map(|address| self.successor(address));
        let dags = requires.dag_paused.unwrap_or_default().into_iter().map(|dag| (dag.clone(), self.starts(&dag)));
        Known {
            successors: successors.collect(),
            dags: dags.collect(),
            migrations: self.migrations(&resource.address).map(|r| r.address.name.clone()).collect(),
            evidence: self.input.live.evidence.clone(),
            before: self.before(resource, old),
            protect: resource.lifecycle.protect,
        }
    }

    fn successor(&self, address: String) -> Successor {
        let parsed = Address::try_from(address.clone()).ok();
        let found = parsed.and_then(|a| self.owned.get(a.kind.as_str())?.get(&a));
        let live = &self.input.live;
        let (runs, unread) = match found.map(Vec::as_slice) {
            Some([one]) => (live.runs.get(&one.seen.id).cloned(), live.unread_runs.get(&one.seen.id).cloned()),
            _ => (None, None),
        };
        Successor { address, runs, unread }
    }

    fn starts(&self, address: &str) -> Starts {
        let found = self.input.desired.resources.iter().find(|r| r.address.to_string() == address);
        let Some(resource) = found else { return Starts::Unknown("no manifest has this address".into()) };
        if self.input.kinds.iter().all(|k| k.name() != resource.kind.name())
            || super::super::served::lacks(resource, self.input.absent)
        {
            return Starts::Unknown("Airflow was not read".into());
        }
        let live = match resource.kind.is_external(&resource.spec) {
            true => {
                self.input.live.of(resource.kind.name()).iter().find(|f| f.is_called_as(resource.kind, &resource.spec))
            }
            false => {
                match self.owned.get(resource.kind.name()).and_then(|o| o.get(&resource.address)).map(Vec::as_slice) {
                    Some([one]) => Some(*one),
                    Some([]) | None => None,
                    Some(_) => return Starts::Unknown("several DAGs carry its mark".into()),
                }
            }
        };
        if let Some(one) = self.is_unread(resource).filter(|_| live.is_none()) {
            return Starts::Unknown(format!("it could not be read: {one}"));
        }
        if let Some(why) = live.and_then(|found| unread_part(resource.kind, found)) {
            return Starts::Unknown(why);
        }
        // What this plan may do to it counts as well: it takes things down in the same apply.
        let switched_on = resource.spec["paused"] == false;
        match live.map(|found| found.seen.spec["paused"].as_bool()) {
            None | Some(Some(true)) if switched_on => {
                Starts::Unknown("its manifest does not have `paused: true`, so an apply switches it on".into())
            }
            // A mistyped id must not read as gone: whoever took the DAG away can take it out of the gate as well.
            None if resource.kind.is_external(&resource.spec) => {
                Starts::Unknown("Airflow has no DAG of its `dag_id`: mend that, or take it out of `dagPaused`".into())
            }
            None => Starts::Gone,
            Some(Some(true)) => Starts::Paused,
            Some(Some(false)) => Starts::Runs,
            Some(None) => Starts::Unknown("Airflow does not say whether it is paused".into()),
        }
    }

    /// The migrations that name a manifest among the old.
    fn migrations(&self, address: &Address) -> impl Iterator<Item = &'a Resource> {
        let address = json!(address.to_string());
        let names = move |r: &&Resource| {
            r.spec.pointer("/from/emr").and_then(Value::as_array).is_some_and(|old| old.contains(&address))
        };
        self.input.desired.resources.iter().filter(names)
    }

    /// What has to go before an application or a security configuration: the clusters of the same migrations, and those
    /// that were made with the configuration.
    fn before(&self, resource: &Resource, old: &Old) -> Option<Vec<String>> {
        const CLUSTER: &str = "EmrCluster";
        if resource.kind.name() == CLUSTER {
            return None;
        }
        let live = || self.input.live.of(CLUSTER).iter().filter_map(|found| Old::of(&found.seen));
        let secures = resource.kind.mark() == MarkPlace::Nowhere;
        let secured = live().filter(|c| secures && c.secured_by.as_ref() == Some(&old.name));
        let mut before: Vec<String> = secured.map(|c| format!("{} \"{}\"", c.id, c.name)).collect();
        // A project may leave kinds out. What was not read is not taken for gone.
        let are_read = self.input.kinds.iter().any(|kind| kind.name() == CLUSTER);
        let unread = || (!are_read).then(|| "EMR clusters, which were not read".to_owned());
        before.extend(unread().filter(|_| secures));
        // What could not be read may have been made with it.
        let unreadable = |one: &Unreadable| format!("{one}, which could not be read");
        before.extend(self.input.live.unreadable(CLUSTER).iter().filter(|_| secures).map(unreadable));
        for migration in self.migrations(&resource.address) {
            let named = migration.spec.pointer("/from/emr").and_then(Value::as_array).into_iter().flatten();
            for address in named.filter_map(Value::as_str).filter(|a| a.starts_with(CLUSTER)) {
                let Some(other) = self.input.desired.resources.iter().find(|r| r.address.to_string() == address) else {
                    continue;
                };
                let matches = LadderSpec::of(&other.spec).matches;
                before.extend(unread());
                let of_it = live().filter(|c| matches.matches(&c.id, &c.name, &c.tags));
                before.extend(of_it.map(|c| format!("{} \"{}\"", c.id, c.name)));
                let unread = self.unread_matches(CLUSTER, |id, name| matches.may_match(id, name));
                before.extend(unread.into_iter().map(unreadable));
            }
        }
        before.sort();
        before.dedup();
        Some(before)
    }
}

/// The tags that a plan shows.
const SHOWN: [&str; 2] = ["plumb", TAG_NOT_BEFORE];

fn impacts(kind: &dyn Kind, old: &Old) -> Vec<Impact> {
    let mut impacts = Vec::new();
    if old.protected {
        impacts.push(ImpactClass::LiftsProtection.says("its termination protection is taken off first"));
    }
    impacts.push(match kind.name() {
        "EmrCluster" => {
            ImpactClass::LosesData.says("the cluster ends for good, with what is in its HDFS and on its disks")
        }
        _ => ImpactClass::LosesData.says(format!("the {} is deleted for good", kind.noun())),
    });
    impacts
}

fn descent(resource: &Resource, old: &Old, decided: Decided, returned: Option<String>) -> Descent {
    let Decided { rung, gates, next, doubt, .. } = decided;
    let next = match (next, rung) {
        (Next::Tag { because: Because::Foreign, .. }, _) => "it is marked again, and nothing else".to_owned(),
        (Next::Tag { .. }, Rung::Active) => "it is marked, and nothing else".to_owned(),
        (Next::Tag { .. }, _) => "its mark is mended, and nothing else".to_owned(),
        (Next::TakeDown, _) => "it is taken down".to_owned(),
        (Next::Nothing, Rung::Due) => "`plumb apply --allow-teardown` takes it down".to_owned(),
        (Next::Nothing, _) if doubt.is_some() => "it waits until its mark can be believed".to_owned(),
        (Next::Nothing, _) => {
            let open = gates.iter().filter(|gate| !gate.holds).count();
            format!("it waits for {open} of {} gates", gates.len())
        }
    };
    Descent {
        address: address_of(resource, &old.id),
        id: old.id.clone(),
        title: old.name.clone(),
        state: Some(old.state.clone()).filter(|state| !state.is_empty()),
        rung,
        gates,
        next,
        returned,
    }
}
