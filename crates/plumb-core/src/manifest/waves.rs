//! What can only be checked between the migrations of a wave, their DAGs and their jobs.

use super::{Address, Resource, develop};
use crate::kinds::cutover::{self, CutoverKind, NextRun, StartedJob};
use crate::kinds::emr::migration::MigrationSpec;
use crate::kinds::emr::ties::{self, Tied};
use crate::kinds::{Kind, teardown};
use jiff::civil::Date;
use jiff::tz::TimeZone;
use plumb_model::yaml::{Packed, Problems, Span, nearest};
use std::collections::{BTreeMap, BTreeSet};

/// A new DAG stays paused until its wave is cut over: that is what its manifest means by saying nothing of it.
pub(super) fn assume_paused(mut specs: Vec<(&Address, &'static dyn Kind, &mut Packed)>) {
    let mut new: BTreeSet<String> = BTreeSet::new();
    for (_, kind, spec) in &specs {
        if let Some(relation) = teardown::relation(kind.name()) {
            new.extend(relation.migration(&spec.to_json()).to.dags.unwrap_or_default());
        }
    }
    for (address, kind, spec) in &mut specs {
        let Some(kind) = cutover::find(kind.name()).filter(|_| new.contains(&address.to_string())) else { continue };
        let (member, value) = kind.paused_until_cutover();
        let mut node = spec.node();
        let is_assumed = node.get(member).is_some_and(|inner| inner.span == node.span);
        if is_assumed {
            develop::assume_instead(&mut node, member, value);
            **spec = Packed::of(&node);
        }
    }
}

/// A migration, and what it says.
struct WaveMigration<'a> {
    resource: &'a Resource,
    spec: MigrationSpec,
}

impl WaveMigration<'_> {
    fn wave(&self) -> &str {
        self.spec.wave.as_deref().unwrap_or(&self.resource.address.name)
    }

    fn at(&self, path: &str) -> Span {
        self.resource.node().at(path).span
    }

    fn tied(&self) -> Tied<'_> {
        (&self.resource.address, &self.spec)
    }

    /// Its DAGs, old before new, and where it names each.
    fn dags(&self) -> Vec<(&str, String)> {
        let mut dags = Vec::new();
        for (path, list) in [("from.dags", &self.spec.from.dags), ("to.dags", &self.spec.to.dags)] {
            let all = list.iter().flatten().enumerate();
            dags.extend(all.map(|(i, address)| (address.as_str(), format!("{path}[{i}]"))));
        }
        dags
    }
}

fn named(resources: &[Resource]) -> Vec<WaveMigration<'_>> {
    let named = |resource| {
        let resource: &Resource = resource;
        let spec = teardown::relation(resource.kind.name())?.migration(&resource.spec);
        Some(WaveMigration { resource, spec })
    };
    resources.iter().filter_map(named).collect()
}

/// Reports waves that could not be cut over all together, and what two voices say of one field.
pub(super) fn check(resources: &[Resource], problems: &mut Problems) {
    let migrations = named(resources);
    let by_address: BTreeMap<String, &Resource> =
        resources.iter().map(|resource| (resource.address.to_string(), resource)).collect();
    claimed_once(&migrations, problems);
    one_day(&migrations, problems);
    for migration in &migrations {
        is_whole(migration, problems);
        shadowed(migration, &by_address, problems);
        if migration.spec.cutover.is_some() {
            one_voice(migration, &by_address, problems);
            has_ticks(migration, &by_address, problems);
        }
    }
    bridges(&migrations, problems);
}

/// A DAG belongs to one migration: two would pause and start it at different times.
fn claimed_once(migrations: &[WaveMigration<'_>], problems: &mut Problems) {
    let mut first: BTreeMap<&str, (&WaveMigration<'_>, String)> = BTreeMap::new();
    for migration in migrations {
        for (dag, path) in migration.dags() {
            match first.get(dag) {
                Some((other, other_path)) => {
                    problems
                        .at(
                            migration.at(&path),
                            format!("two places claim the DAG {}", dag.escape_debug()),
                            format!("{} names it here", migration.resource.address),
                        )
                        .related(other.at(other_path), format!("{} names it here", other.resource.address))
                        .help(
                            "a DAG is paused or switched on with one migration: name it in that one, or merge the two",
                        );
                }
                None => drop(first.insert(dag, (migration, path))),
            }
        }
    }
}

/// The members of a wave have one day, and its name means nothing else.
fn one_day(migrations: &[WaveMigration<'_>], problems: &mut Problems) {
    let mut dated: BTreeMap<&str, (&WaveMigration<'_>, &str)> = BTreeMap::new();
    for migration in migrations {
        if let Some(day) = &migration.spec.cutover {
            let (first, other) = *dated.entry(migration.wave()).or_insert((migration, day));
            if other != day {
                let message = format!("the members of wave {} have different days", shown(migration.wave()));
                problems
                    .at(migration.at("cutover"), message, format!("{day} here"))
                    .related(first.at("cutover"), format!("{other} in {}", first.resource.address))
                    .help("a wave is cut over all together: write one day, or give one of them another `wave`");
            }
        }
    }
    let unnamed: BTreeMap<&str, &WaveMigration<'_>> = migrations
        .iter()
        .filter(|migration| migration.spec.wave.is_none())
        .map(|migration| (migration.resource.address.name.as_str(), migration))
        .collect();
    for migration in migrations {
        let Some(wave) = &migration.spec.wave else { continue };
        if let Some(other) = unnamed.get(wave.as_str()) {
            let message = format!("the wave {} is also the one of {} alone", shown(wave), other.resource.address);
            problems
                .at(migration.at("wave"), message, "a migration without `wave` is a wave of its name")
                .related(other.resource.span, "this one names no wave")
                .help(format!("write `wave: {}` there too, or choose another name", wave.escape_debug()));
        }
        if let Some((first, day)) = dated.get(wave.as_str()).filter(|_| migration.spec.cutover.is_none()) {
            let message = format!("a member of wave {} has no `cutover`, and another one has", shown(wave));
            problems
                .at(migration.at("wave"), message, format!("{} has no day", migration.resource.address))
                .related(first.at("cutover"), format!("{} has this one", first.resource.address))
                .help(format!("write `cutover: {day}` here too, or give it another `wave`"));
        }
    }
}

fn shown(text: &str) -> String {
    let text: String = text.chars().take(60).collect();
    format!("`{}`", text.escape_debug())
}

/// What is cut over has something to pause and something to switch on.
fn is_whole(migration: &WaveMigration<'_>, problems: &mut Problems) {
    let spec = &migration.spec;
    if let Some(wave) = spec.wave.as_deref().filter(|wave| !is_name(wave)) {
        let message = format!("{} is no name of a wave", shown(wave));
        problems.at(migration.at("wave"), message, "letters, digits, `-`, `_` and `.`, 63 at most");
    }
    if spec.cutover.is_none() {
        return;
    }
    for (list, path, what) in
        [(&spec.from.dags, "from.dags", "old DAGs to pause"), (&spec.to.dags, "to.dags", "new DAGs to switch on")]
    {
        if list.as_ref().is_none_or(Vec::is_empty) {
            problems
                .at(
                    migration.at("cutover"),
                    format!("there is nothing to cut over: {} names no {what}", migration.resource.address),
                    format!("`{path}` is missing"),
                )
                .help(format!("name them in `{path}`, or take `cutover` out"));
        }
    }
}

fn is_name(text: &str) -> bool {
    let is_letter = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    !text.is_empty() && text.len() <= 63 && text.chars().all(is_letter) && !text.starts_with('.')
}

/// One field, one voice: what the wave sets, no manifest does.
fn one_voice(migration: &WaveMigration<'_>, by_address: &BTreeMap<String, &Resource>, problems: &mut Problems) {
    for (dag, path) in migration.dags() {
        let Some((resource, kind)) = dag_of(by_address, dag) else { continue };
        let member = kind.paused_until_cutover().0;
        let root = resource.node();
        let Some(node) = root.get(member).filter(|node| node.span != root.span) else { continue };
        problems
            .at(
                node.span,
                format!("`{member}` of {} is set here and by its wave", resource.address),
                format!("wave {} sets it", shown(migration.wave())),
            )
            .related(migration.at(&path), format!("{} has it in its wave", migration.resource.address))
            .help("delete this line: until the cutover the old DAG is on and the new one paused, and then the other way round");
    }
}

fn dag_of<'a>(
    by_address: &BTreeMap<String, &'a Resource>,
    address: &str,
) -> Option<(&'a Resource, &'static dyn CutoverKind)> {
    let resource = *by_address.get(address)?;
    Some((resource, cutover::find(resource.kind.name())?))
}

/// The clock has to start each new DAG some time after the day: otherwise nothing runs any more.
fn has_ticks(migration: &WaveMigration<'_>, by_address: &BTreeMap<String, &Resource>, problems: &mut Problems) {
    let Some(day) = migration.spec.cutover.as_deref().and_then(|day| day.parse::<Date>().ok()) else { return };
    for dag in migration.spec.to.dags.iter().flatten() {
        let Some((resource, kind)) = dag_of(by_address, dag) else { continue };
        let Some(zone) = kind.zone(&resource.spec) else { continue };
        let Ok(begins) = zone.to_zoned(day.at(0, 0, 0, 0)) else { continue };
        // Who does not run by the clock says nothing of a tick.
        if let NextRun::Never = kind.first_run_after(&resource.spec, begins.timestamp())
            && matches!(kind.first_run_after(&resource.spec, zone_start(&zone)), NextRun::Tick(_))
        {
            problems
                .at(
                    migration.at("cutover"),
                    format!("{dag} has no tick after this day: the old DAGs would be paused, and nothing would run"),
                    "its schedule is over by then",
                )
                .related(resource.node().at("end_date").span, "until here")
                .help("choose an earlier day, or a later `end_date`");
        }
    }
}

/// Long before anything was scheduled.
fn zone_start(zone: &TimeZone) -> jiff::Timestamp {
    let start = zone.to_zoned(jiff::civil::date(2000, 1, 1).at(0, 0, 0, 0));
    start.map_or(jiff::Timestamp::UNIX_EPOCH, |start| start.timestamp())
}

/// What runs are given until the cutover has to be something that they can be given.
fn shadowed(migration: &WaveMigration<'_>, by_address: &BTreeMap<String, &Resource>, problems: &mut Problems) {
    let Some(shadow) = &migration.spec.shadow else { return };
    let started = |job: &String| {
        let job = by_address.get(job)?;
        cutover::started(&job.address, job.kind, &job.spec)
    };
    let jobs: Vec<StartedJob> = migration.spec.to.jobs.iter().filter_map(started).collect();
    let known: BTreeSet<&str> = jobs.iter().flat_map(|job| &job.parameters).map(String::as_str).collect();
    for name in shadow.parameters.keys().filter(|name| !known.contains(name.as_str())) {
        let near = nearest(name, known.iter().copied());
        let label = near.map_or_else(
            || "none of the jobs in `to.jobs` has this parameter".to_owned(),
            |near| format!("did you mean `{near}`?"),
        );
        problems
            .at(
                migration.at(&format!("shadow.parameters.{name}")),
                format!("{} is no parameter of a job of {}", shown(name), migration.resource.address),
                label,
            )
            .help("declare it under `parameters` of the job that is to write elsewhere until the cutover");
    }
    if jobs.len() < migration.spec.to.jobs.len() {
        return;
    }
    let reached = migration.spec.to.dags.iter().flatten().filter_map(|dag| dag_of(by_address, dag));
    let mut settings = reached.flat_map(|(dag, kind)| kind.settings(&dag.spec, &jobs, &shadow.parameters));
    if migration.spec.to.dags.is_some()
        && shadow.parameters.keys().any(|name| known.contains(name.as_str()))
        && settings.next().is_none()
    {
        problems
            .at(
                migration.at("shadow"),
                "no run would be given these parameters",
                "no task of a DAG of `to.dags` runs a job that has them, or it gives the same already",
            )
            .help("the DAGs of `to.dags` have to run the jobs of `to.jobs`, and give what they write by `job_parameters` or not at all");
    }
}

/// What is said to be bridged has to be something that ties the migration to another wave.
fn bridges(migrations: &[WaveMigration<'_>], problems: &mut Problems) {
    for migration in migrations {
        let outside: Vec<Tied<'_>> =
            migrations.iter().filter(|other| other.wave() != migration.wave()).map(WaveMigration::tied).collect();
        let edges = ties::ties(&[migration.tied()], &outside);
        for (index, bridge) in ties::bridges(&migration.spec).enumerate() {
            if edges.iter().any(|edge| ties::touch(bridge, &edge.what)) {
                continue;
            }
            let near = nearest(bridge, edges.iter().map(|edge| edge.what.as_str()));
            let label = near.map_or_else(
                || "nothing of another wave has to do with it".to_owned(),
                |near| format!("did you mean `{near}`?"),
            );
            problems
                .at(
                    migration.at(&format!("bridges[{index}]")),
                    format!("{} bridges nothing", shown(bridge)),
                    label,
                )
                .help("write `PLACE: how it is bridged`, of a place that is in `reads` or `writes` here and in a migration of another wave, or take it out");
        }
    }
}

/// What is worth knowing of waves, and no mistake: ties to other waves that are not bridged, new DAGs that no clock starts, and
/// lines that the wave will say.
pub(super) fn warnings(resources: &[Resource]) -> Vec<(&'static str, Problems)> {
    let migrations = named(resources);
    let by_address: BTreeMap<String, &Resource> =
        resources.iter().map(|resource| (resource.address.to_string(), resource)).collect();
    let (mut open, mut paused, mut clock) = (Problems::default(), Problems::default(), Problems::default());
    for (index, migration) in migrations.iter().enumerate() {
        for other in &migrations[index + 1..] {
            let is_dated = migration.spec.cutover.is_some() || other.spec.cutover.is_some();
            if migration.wave() != other.wave() && is_dated {
                open_ties(migration, other, &mut open);
            }
        }
        for dag in migration.spec.to.dags.iter().flatten() {
            let Some((resource, kind)) = dag_of(&by_address, dag) else { continue };
            if migration.spec.cutover.is_none() {
                spoken_for(migration, resource, kind, &mut paused);
            } else if !resource.is_external() && kind.zone(&resource.spec).is_none() {
                clock
                    .at(
                        migration.at("cutover"),
                        format!("nothing tells when {dag} runs first after this day"),
                        "it has no schedule",
                    )
                    .related(resource.span, "this DAG")
                    .help("give it a `schedule`, or start it by hand once the wave is cut over");
            }
        }
    }
    vec![("open-wave", open), ("paused-twice", paused), ("no-tick", clock)]
}

fn open_ties(migration: &WaveMigration<'_>, other: &WaveMigration<'_>, problems: &mut Problems) {
    for edge in ties::ties(&[migration.tied()], &[other.tied()]).iter().filter(|edge| !edge.bridged) {
        problems
            .at(
                migration.at(&edge.path),
                format!("waves {} and {} are cut over apart, and {}", shown(migration.wave()), shown(other.wave()), edge.words()),
                "here",
            )
            .related(other.at(&edge.other_path), "and here")
            .help(format!("put both into one wave, or write how it is bridged: `bridges: [\"{}: …\"]`. Only what manifests tell is known", edge.what));
    }
}

/// A `paused` that the wave will say for itself.
fn spoken_for(migration: &WaveMigration<'_>, dag: &Resource, kind: &dyn CutoverKind, problems: &mut Problems) {
    let member = kind.paused_until_cutover().0;
    let is_others = dag.kind.is_external(&dag.spec);
    let root = dag.node();
    if let Some(node) = root.get(member).filter(|node| node.span != root.span && !is_others) {
        problems
            .at(
                node.span,
                format!("`{member}` of {} is left to its migration", dag.address),
                "it holds as it is written until the migration has a `cutover`",
            )
            .related(migration.resource.span, format!("{} names it in `to.dags`", migration.resource.address))
            .help("delete this line: it stays paused until its wave is cut over, and is on from then on");
    }
}

#[cfg(test)]
#[path = "waves_tests.rs"]
mod tests;
