//! What a plan does to the things that a teardown's manifest matches: [`crate::teardown`] decides, here it becomes changes.

use super::context::PlanContext;
use super::unreadable::{refuse_unread, unread_matches, unread_part};
use super::verdict::ResourceVerdict;
use super::{Action, Blocked, Change, ChangeOrigin, FieldChange, LiveObject, Note, Op, SourceLine, normal};
use crate::kinds::old::Old;
use crate::kinds::teardown::{GoesAfter, TeardownManifest};
use crate::kinds::teardown_spec::Outcome;
use crate::kinds::{self, Impact, Owner, Rev, Step, Unreadable, Verb};
use crate::manifest::Resource;
use crate::teardown::stages::{ShownTag, address_of, impacts, pending, reason, shown};
use crate::teardown::{
    Clock, ComparedMigration, Known, Stage, Starts, Successor, TagReason, TeardownQuestion, TeardownStep, basis,
    decide, returned, starts,
};
use plumb_model::address::Address;
use serde_json::{Value, json};

impl<'a> PlanContext<'a> {
    /// Decides on everything that a teardown's manifest matches.
    pub(in crate::plan) fn teardown(&self, resource: &'a Resource) -> ResourceVerdict<'a> {
        let mut verdict = ResourceVerdict::default();
        let Some(teardown) = resource.teardown.as_ref().filter(|_| self.input.selection.has(resource)) else {
            return verdict;
        };
        let matched: Vec<(&LiveObject, Old)> = self.matched(resource, teardown);
        // What the gates look at is read once: reports may be long, and things many.
        let known = self.known(resource, teardown);
        let first = teardown.kind.goes_after().and_then(|after| self.going_first(after.kind));
        for (found, old) in &matched {
            if let Some(other) = self.also_matched_by(resource, old) {
                let (reason, remedy) = (format!("{other} matches it too"), "let one manifest match it".into());
                verdict.blocked.push(refuse(resource, old, reason, remedy));
                continue;
            }
            let known = Known { before: self.before(resource, teardown, old, first.as_deref()), ..known.clone() };
            self.one(&mut verdict, resource, teardown, (found, old), &known);
        }
        let may_match = |id: &str, name: &str| teardown.spec.matches.may_match(id, name);
        verdict.blocked.extend(refuse_unread(self.input.live, resource, may_match));
        // What waits is not up to date.
        verdict.unchanged = verdict.changes.is_empty() && verdict.teardown.is_empty() && verdict.blocked.is_empty();
        if let Some((path, why)) = self.input.live.evidence.broken.first().filter(|_| !matched.is_empty()) {
            let message = format!("{path} is no report of a comparison: {why}");
            verdict.notes.push(Note::general(message));
        }
        verdict
    }

    fn matched(&self, resource: &Resource, teardown: &TeardownManifest) -> Vec<(&'a LiveObject, Old)> {
        let all = self.input.live.of(resource.kind.name()).iter();
        all.filter_map(|found| Some((found, teardown.kind.old(&found.seen.whole())?)))
            .filter(|(_, old)| teardown.is_about(old))
            .collect()
    }

    /// Another manifest that matches the same thing: what one of them keeps, the other may end.
    fn also_matched_by(&self, resource: &Resource, old: &Old) -> Option<&'a Address> {
        let others = self.input.desired.resources.iter();
        let others = others.filter(|r| r.address.kind == resource.address.kind && r.address != resource.address);
        let matches = |r: &&Resource| r.teardown.as_ref().is_some_and(|teardown| teardown.is_about(old));
        others.into_iter().find(matches).map(|r| &r.address)
    }

    fn one(
        &self,
        verdict: &mut ResourceVerdict<'_>,
        resource: &Resource,
        teardown: &TeardownManifest,
        (found, old): (&LiveObject, &Old),
        known: &Known,
    ) {
        let spec = &teardown.spec;
        let desired = self.input.desired;
        let (project, target) = (desired.project.name.clone(), desired.mark_target());
        let owner = Owner { project, target, address: resource.address.clone() };
        let commit = self.input.head.unwrap_or(Rev::NO_COMMIT).chars().take(12).collect();
        let rev = Rev { commit, hash: normal::identity(resource.kind.rules(), &resource.spec) }.to_string();
        let decided = decide(&TeardownQuestion {
            old,
            spec,
            known,
            owner: &owner,
            rev: &rev,
            who: self.input.who,
            clock: Clock::at(self.input.now),
            has_tags: teardown.kind.can_be_marked(),
            allow_teardown: self.input.allow_teardown,
            commits: &self.input.live.commits,
        });
        if let Some(other) = &decided.foreign {
            let remedy = format!("take the match out of one of them, or the tag `plumb` off {}", old.id);
            return verdict.blocked.push(refuse(resource, old, format!("it is marked by {other}"), remedy));
        }
        let back = returned(old, spec);
        let change = match &decided.next {
            TeardownStep::Nothing => None,
            TeardownStep::Tag { tags, because } => {
                Some(self.tag(resource, found, old, tags, *because, (decided.doubt.as_deref(), back.as_deref())))
            }
            TeardownStep::End => Some(self.end(resource, teardown, found, old)),
        };
        match change {
            Some(Ok(change)) => verdict.changes.push(change),
            Some(Err(blocked)) => verdict.blocked.push(blocked),
            None => {}
        }
        // What goes for good is made again by whoever keeps a description of it.
        if let Some(tool) = found.seen.managed_by(resource.kind).filter(|_| decided.stage == Stage::Due) {
            let message = format!("{}: {} it there, or it is made again", tool.says(), teardown.kind.ending().verb());
            verdict.note(&address_of(&resource.address, &old.id), message);
        }
        if spec.desired == Outcome::Teardown {
            verdict.teardown.push(pending(&resource.address, teardown, old, decided, back));
        }
    }

    fn tag(
        &self,
        resource: &Resource,
        found: &LiveObject,
        old: &Old,
        tags: &Value,
        because: TagReason,
        (doubt, back): (Option<&str>, Option<&str>),
    ) -> Result<Change, Blocked> {
        let origin = Some(if back.is_some() { ChangeOrigin::Drift } else { ChangeOrigin::Manifest });
        let field = |tag: ShownTag<'_>| {
            let op = match (&tag.from, &tag.to) {
                (_, None) => Op::Remove,
                (None, _) => Op::Add,
                _ => Op::Change,
            };
            // The line that asked for it, and the commit that wrote that line.
            let source = self.said(resource, tag.asked_by);
            FieldChange {
                from: tag.from,
                to: tag.to,
                origin,
                source,
                ..FieldChange::new(format!("tags.{}", tag.name), op)
            }
        };
        let fields = shown(tags, old).map(field).collect();
        let body = json!({ "tags": tags });
        let action = if because == TagReason::Kept { Action::Release } else { Action::Mark };
        let reason = reason(because, doubt, back);
        let verb = Verb::Update;
        let seen = found.seen.whole();
        let step = Step { verb, live: Some(&seen), body: &body, changed: &[], now: self.input.now };
        self.teardown_change(resource, action, old, &step, fields, (reason, Vec::new()))
    }

    fn end(
        &self,
        resource: &Resource,
        teardown: &TeardownManifest,
        found: &LiveObject,
        old: &Old,
    ) -> Result<Change, Blocked> {
        let verb = Verb::Delete;
        let seen = found.seen.whole();
        let step = Step { verb, live: Some(&seen), body: &Value::Null, changed: &[], now: self.input.now };
        let impacts = impacts(teardown.kind, old);
        let reason = "every gate holds".to_owned();
        self.teardown_change(resource, Action::Terminate, old, &step, Vec::new(), (reason, impacts))
    }

    fn teardown_change(
        &self,
        resource: &Resource,
        action: Action,
        old: &Old,
        step: &Step<'_>,
        fields: Vec<FieldChange>,
        (reason, impacts): (String, Vec<Impact>),
    ) -> Result<Change, Blocked> {
        let address = address_of(&resource.address, &old.id);
        let calls = resource.kind.calls(step).map_err(|e| Blocked::new(&address, e.0))?;
        let (impacts, disrupts) = Impact::split(impacts);
        Ok(Change {
            id: Some(old.id.clone()),
            title: old.name.clone(),
            reason: Some(reason),
            impacts,
            disrupts,
            fields,
            source: self.said(resource, "desired"),
            calls: calls.into(),
            read: Some(normal::hash(&basis(old, action == Action::Terminate))),
            ..Change::new(address, action)
        })
    }

    /// Where the manifest says something of its teardown.
    fn said(&self, resource: &Resource, path: &str) -> Option<SourceLine> {
        let node = resource.node();
        let written = path.split('.').try_fold(&node, |node, key| node.get(key));
        let source = self.source(node.at(path).span)?;
        Some(SourceLine { nearest: written.is_none(), ..source })
    }

    /// What the gates of a manifest look at, apart from what has to go before each thing.
    fn known(&self, resource: &Resource, teardown: &TeardownManifest) -> Known {
        let rules = teardown.spec.gates();
        let requires = rules.requires.clone().unwrap_or_default();
        let successors = rules.replaced_by.unwrap_or_default().into_iter().map(|address| self.successor(address));
        let dags = requires.dag_paused.unwrap_or_default().into_iter().map(|dag| (dag.clone(), self.starts(&dag)));
        Known {
            successors: successors.collect(),
            dags: dags.collect(),
            migrations: self.migrations(&resource.address).map(ComparedMigration::of).collect(),
            evidence: self.input.live.evidence.clone(),
            before: None,
            protect: resource.lifecycle.protect,
        }
    }

    /// A job that takes over, and how its last runs ended.
    pub(super) fn successor(&self, address: String) -> Successor {
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
        let Some(kind) = kinds::teardown::starter(resource.kind.name()) else {
            return Starts::Unknown("it cannot be paused".into());
        };
        if self.input.kinds.iter().all(|k| k.name() != resource.kind.name())
            || super::missing_systems::has_missing(resource, self.input.absent)
        {
            return Starts::Unknown("Airflow was not read".into());
        }
        let live = if resource.is_external() {
            self.lookup.called_as(resource.kind, &resource.spec).first().copied()
        } else {
            match self.owned.get(resource.kind.name()).and_then(|o| o.get(&resource.address)).map(Vec::as_slice) {
                Some([one]) => Some(*one),
                Some([]) | None => None,
                Some(_) => return Starts::Unknown("several DAGs carry its mark".into()),
            }
        };
        let seen = live.map(|found| found.seen.whole());
        if let Some(one) = self.unread.stands_for(resource).filter(|_| live.is_none()) {
            return Starts::Unknown(format!("it could not be read: {one}"));
        }
        if let Some(why) = seen.as_ref().and_then(|seen| unread_part(resource.kind, seen)) {
            return Starts::Unknown(why);
        }
        let is_external = resource.is_external();
        starts(kind, self.spec_of(resource), seen.as_ref().map(|seen| &seen.spec), is_external)
    }

    /// The migrations that name a manifest among the old.
    fn migrations(&self, address: &Address) -> impl Iterator<Item = &'a Resource> {
        let address = address.to_string();
        let names = move |r: &&Resource| old_of(r).contains(&address.as_str());
        self.input.desired.resources.iter().filter(names)
    }

    /// Everything live of a kind that goes before others.
    fn going_first(&self, kind: &str) -> Option<Vec<Old>> {
        let first = kinds::teardown::find(kind)?;
        Some(self.input.live.of(kind).iter().filter_map(|found| first.old(&found.seen.whole())).collect())
    }

    /// What has to go before one thing: what the same migrations name of the kind that goes first, and what uses it.
    fn before(
        &self,
        resource: &Resource,
        teardown: &TeardownManifest,
        old: &Old,
        first: Option<&[Old]>,
    ) -> Option<Vec<String>> {
        let GoesAfter { kind, uses } = teardown.kind.goes_after()?;
        let first = first?;
        let live = || first.iter().cloned();
        let named = |old: Old| format!("{} \"{}\"", old.id, old.name);
        let using = live().filter(|user| uses.is_some_and(|uses| uses(user, old)));
        let mut before: Vec<String> = using.map(named).collect();
        // A project may leave kinds out. What was not read is not taken for gone.
        let are_read = self.input.kinds.iter().any(|read| read.name() == kind);
        let noun = kinds::find(kind).map_or(kind, |kind| kind.noun());
        let unread = || (!are_read).then(|| format!("{noun}s, which were not read"));
        before.extend(unread().filter(|_| uses.is_some()));
        // What could not be read may have been made with it.
        let unreadable = |one: &Unreadable| format!("{one}, which could not be read");
        before.extend(self.input.live.unreadable(kind).iter().filter(|_| uses.is_some()).map(unreadable));
        for migration in self.migrations(&resource.address) {
            for address in old_of(migration) {
                let mut others = self.input.desired.resources.iter().filter(|r| r.kind.name() == kind);
                let Some(other) = others.find(|r| r.address.to_string() == address) else { continue };
                let Some(teardown) = &other.teardown else { continue };
                before.extend(unread());
                before.extend(live().filter(|old| teardown.is_about(old)).map(named));
                let unread =
                    unread_matches(self.input.live, kind, |id, name| teardown.spec.matches.may_match(id, name));
                before.extend(unread.into_iter().map(unreadable));
            }
        }
        before.sort();
        before.dedup();
        Some(before)
    }
}

fn refuse(resource: &Resource, old: &Old, reason: String, remedy: String) -> Blocked {
    Blocked::new(&address_of(&resource.address, &old.id), reason).with_remedy(remedy)
}

/// What a manifest that says what belongs together names of the old.
fn old_of(resource: &Resource) -> Vec<&str> {
    kinds::teardown::relation(resource.kind.name()).map_or_else(Vec::new, |kind| kind.old(&resource.spec))
}
