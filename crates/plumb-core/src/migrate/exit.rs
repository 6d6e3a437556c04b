//! What leaving EMR takes: an inventory with its pipelines ranked, how much of each is translated by itself, how long its release
//! is supported, what it costs, and in which waves pipelines can be moved.

pub use super::exit_costs::ExitCost;
use super::exit_costs::cost;
use crate::cost::book::Prices;
use crate::inventory::choose::{self, selector};
use crate::inventory::proposal::{PathTie, groups, path_ties, workloads};
use crate::inventory::support::{ReleaseSupport, SupportPhase, support};
use crate::inventory::{ClusterRun, EmrAccount, Inventory, RawCluster, input};
use crate::translate::{
    EarlierRun, EmrSource, Light, LightEffort, PipelineSource, RunTime, TranslationOptions, light_of, pipeline, writes,
};
use jiff::civil::Date;
use jiff::tz::TimeZone;
use plumb_model::address::slug;
use serde::Serialize;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// An inventory, and what leaving takes.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ExitReport {
    #[serde(flatten)]
    pub inventory: Inventory,
    pub totals: ExitTotals,
    /// Pipelines and applications of EMR Serverless, the costliest first.
    pub ranking: Vec<ExitRow>,
    /// What one of them writes and another one reads.
    pub ties: Vec<PathTie>,
    /// What has to be moved together, small waves first.
    pub waves: Vec<ExitWave>,
    /// What plumb.yaml could answer once for all pipelines, and does not.
    pub team_questions: Vec<String>,
}

/// A pipeline or an application in the ranking.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ExitRow {
    /// From 1.
    pub rank: usize,
    /// What tells it from all others: `pipeline nightly`, `application 00f1`.
    pub of: String,
    pub name: String,
    /// Normalised instance hours; an application of EMR Serverless has none.
    pub hours: Option<u64>,
    /// Its share of all hours.
    pub hours_percent: Option<u32>,
    /// Clusters, or job runs.
    pub runs: usize,
    pub failed: usize,
    /// `None`: it could not be translated at all.
    pub light: Option<Light>,
    /// Of its newest cluster's release.
    pub support: ReleaseSupport,
    pub cost: Option<ExitCost>,
    /// The number of its wave; none where nothing was asked that would tell what ties it to others.
    pub wave: Option<usize>,
}

/// Sums over the whole account.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct ExitTotals {
    /// Pipelines and applications.
    pub pipelines: usize,
    pub clusters: usize,
    /// Clusters and job runs.
    pub runs: usize,
    pub failed: usize,
    pub failed_percent: Option<u32>,
    pub normalized_instance_hours: u64,
    pub automatic: usize,
    pub with_questions: usize,
    pub rewrite: usize,
    /// Questions of all pipelines.
    pub questions: usize,
    /// How many are on a release whose standard support has ended.
    pub support_ended: usize,
    /// What those cost in 30 days that are priced, and how many these are.
    pub priced: usize,
    pub cost: Option<ExitCost>,
}

/// What has to be moved together.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ExitWave {
    /// From 1.
    pub number: usize,
    /// As [`ExitRow::of`], the costliest first.
    pub pipelines: Vec<String>,
    pub normalized_instance_hours: u64,
    pub questions: usize,
    /// How many of its pipelines have a step to rewrite.
    pub rewrite: usize,
}

/// Something that can be translated.
struct ExitSource {
    title: String,
    source: PipelineSource,
}

/// How often failures are, in percent.
fn percent(part: u64, of: u64) -> Option<u32> {
    u32::try_from((part * 100 + of / 2).checked_div(of)?).ok()
}

/// Sums up what leaving takes. `read` is what the inventory was made of.
pub fn report(
    inventory: Inventory,
    read: &EmrAccount,
    options: &TranslationOptions,
    prices: Option<&Prices>,
) -> ExitReport {
    let today = inventory.read_at.to_zoned(TimeZone::UTC).date();
    let (lights, team_questions) = lights(read, options);
    let mut ranking = rows(&inventory, read, &lights, prices, today);
    ranking.sort_by(|a, b| (b.hours, b.failed, &a.name, &a.of).cmp(&(a.hours, a.failed, &b.name, &b.of)));
    // Of pipelines of which nothing was asked it is not known what ties them to others: they are in no wave.
    let all = workloads(&inventory);
    let ties = path_ties(&all);
    let at: BTreeMap<&str, usize> = ranking.iter().enumerate().map(|(at, row)| (row.of.as_str(), at)).collect();
    let mut waves: Vec<ExitWave> = groups(&all, &ties)
        .into_iter()
        .map(|mut pipelines| {
            pipelines.sort_by_key(|of| at.get(of.as_str()).copied());
            let rows: Vec<&ExitRow> = pipelines.iter().filter_map(|of| ranking.get(*at.get(of.as_str())?)).collect();
            let lights = || rows.iter().filter_map(|row| row.light.as_ref());
            ExitWave {
                number: 0,
                normalized_instance_hours: rows.iter().filter_map(|row| row.hours).sum(),
                questions: lights().map(|light| light.questions.len()).sum(),
                rewrite: lights().filter(|light| light.effort == LightEffort::Rewrite).count(),
                pipelines,
            }
        })
        .collect();
    let order = |wave: &ExitWave| {
        let first = wave.pipelines.iter().min().cloned();
        (wave.pipelines.len(), wave.rewrite, wave.questions, wave.normalized_instance_hours, first)
    };
    waves.sort_by_key(order);
    for (number, wave) in waves.iter_mut().enumerate() {
        wave.number = number + 1;
    }
    let of: BTreeMap<&str, usize> =
        waves.iter().flat_map(|wave| wave.pipelines.iter().map(|of| (of.as_str(), wave.number))).collect();
    for (rank, row) in ranking.iter_mut().enumerate() {
        (row.rank, row.wave) = (rank + 1, of.get(row.of.as_str()).copied());
    }
    let totals = totals(&inventory, &ranking);
    ExitReport { inventory, totals, ranking, ties, waves, team_questions }
}

fn totals(inventory: &Inventory, ranking: &[ExitRow]) -> ExitTotals {
    let count =
        |is: LightEffort| ranking.iter().filter(|row| row.light.as_ref().is_some_and(|l| l.effort == is)).count();
    let sum = |of: fn(&ExitRow) -> usize| ranking.iter().map(of).sum::<usize>();
    let (runs, failed) = (sum(|row| row.runs), sum(|row| row.failed));
    let months: Vec<&ExitCost> =
        ranking.iter().filter_map(|row| row.cost.as_ref().filter(|cost| cost.month.is_some())).collect();
    let cost = months.first().map(|first| ExitCost {
        currency: first.currency.clone(),
        run: None,
        month: Some(months.iter().filter_map(|cost| cost.month).sum()),
        reasons: months.iter().flat_map(|cost| cost.reasons.clone()).collect::<BTreeSet<_>>().into_iter().collect(),
    });
    let is_past = |row: &&ExitRow| matches!(row.support.phase, SupportPhase::Ended | SupportPhase::Extended);
    ExitTotals {
        pipelines: ranking.len(),
        clusters: inventory.clusters,
        runs,
        failed,
        failed_percent: percent(failed as u64, runs as u64),
        normalized_instance_hours: ranking.iter().filter_map(|row| row.hours).sum(),
        automatic: count(LightEffort::Automatic),
        with_questions: count(LightEffort::Questions),
        rewrite: count(LightEffort::Rewrite),
        questions: sum(|row| row.light.as_ref().map_or(0, |light| light.questions.len())),
        support_ended: ranking.iter().filter(is_past).count(),
        priced: months.len(),
        cost,
    }
}

fn rows(
    inventory: &Inventory,
    read: &EmrAccount,
    lights: &BTreeMap<String, Light>,
    prices: Option<&Prices>,
    today: Date,
) -> Vec<ExitRow> {
    let all_hours: u64 = inventory.pipelines.iter().map(|one| one.normalized_instance_hours).sum();
    let by_id: BTreeMap<String, &RawCluster> = read.clusters.iter().map(|cluster| (cluster.id(), cluster)).collect();
    let pipelines = inventory.pipelines.iter().map(|one| {
        let of = format!("pipeline {}", one.name);
        // The oldest first.
        let clusters: Vec<&RawCluster> =
            one.runs.iter().rev().filter_map(|run| by_id.get(&run.cluster).copied()).collect();
        let failed = |run: &&ClusterRun| run.has_failed();
        let good = one.runs.iter().filter(|run| run.has_ended_well()).map(|run| run.cluster.clone()).collect();
        ExitRow {
            rank: 0,
            name: one.name.clone(),
            hours: Some(one.normalized_instance_hours),
            hours_percent: percent(one.normalized_instance_hours, all_hours),
            runs: one.runs.len(),
            failed: one.runs.iter().filter(failed).count(),
            light: lights.get(&of).cloned(),
            support: support(one.releases.first().map_or("", String::as_str), today),
            cost: prices.and_then(|prices| cost(&clusters, &good, prices, inventory.since, inventory.read_at)),
            wave: None,
            of,
        }
    });
    let applications = inventory.serverless.iter().map(|app| {
        let of = format!("application {}", app.id);
        let jobs = || app.jobs.iter().flatten();
        ExitRow {
            rank: 0,
            name: if app.name.is_empty() { app.id.clone() } else { app.name.clone() },
            hours: None,
            hours_percent: None,
            runs: jobs().map(|job| job.runs).sum(),
            failed: jobs().map(|job| job.failed).sum(),
            light: lights.get(&of).cloned(),
            support: support(&app.release, today),
            cost: None,
            wave: None,
            of,
        }
    });
    pipelines.chain(applications).collect()
}

/// The light of everything that can be translated, and what a team could answer once.
fn lights(read: &EmrAccount, options: &TranslationOptions) -> (BTreeMap<String, Light>, Vec<String>) {
    let sources = sources(read);
    let written: BTreeSet<(String, String)> = sources
        .iter()
        .flat_map(|(of, one)| writes(&one.source.input).into_iter().map(|place| (place, of.clone())))
        .collect();
    let mut team = BTreeMap::new();
    let mut lights = BTreeMap::new();
    for (of, mut one) in sources {
        one.source.written_by_others = written.iter().filter(|(_, other)| *other != of).cloned().collect();
        let name = slug(&one.title).unwrap_or_else(|| "pipeline".to_owned());
        let translation = pipeline(&one.source, options, &name);
        lights.insert(of, light_of(&translation));
        for question in translation.team {
            team.entry(question.answer).or_insert(question.what);
        }
    }
    (lights, team.into_values().collect())
}

fn sources(read: &EmrAccount) -> BTreeMap<String, ExitSource> {
    let listing: Vec<Value> = read.clusters.iter().map(|cluster| cluster.listed.clone()).collect();
    let by_id: BTreeMap<String, &RawCluster> = read.clusters.iter().map(|cluster| (cluster.id(), cluster)).collect();
    let unread = |of: &str| read.unknown.iter().filter(|unknown| unknown.of == of).cloned().collect::<Vec<_>>();
    let groups = choose::groups(&listing);
    let mut sources = BTreeMap::new();
    for group in &groups {
        let clusters: Vec<&RawCluster> =
            group.clusters.iter().filter_map(|listed| by_id.get(&listed.id).copied()).collect();
        // What was not asked is not translated: it would look like a pipeline without steps.
        let is_known = |cluster: &&&RawCluster| cluster.described.is_some() && cluster.steps.is_some();
        let Some(newest) = clusters.iter().rfind(is_known) else { continue };
        let when = |cluster: &RawCluster| RunTime { created: cluster.created(), ..RunTime::default() };
        let until = clusters.iter().rposition(|cluster| cluster.id() == newest.id()).map_or(0, |at| at + 1);
        let times: Vec<_> = clusters[..until].iter().map(|cluster| cluster.created()).collect();
        // Steps tell what changes from run to run, without a description too. Whether a cluster stayed up only that tells.
        let stays = newest.described.as_ref().is_some_and(|described| described["AutoTerminate"] == false);
        let can_compare = |cluster: &&RawCluster| cluster.steps.is_some() && (cluster.described.is_some() || !stays);
        let before = choose::two_before(&times).into_iter().map(|at| clusters[at]).filter(can_compare);
        let earlier =
            before.map(|cluster| EarlierRun { run: when(cluster), input: input::cluster(cluster, &group.name) });
        let source = PipelineSource {
            unread: unread(&newest.id()),
            run: when(newest),
            earlier: earlier.collect(),
            ..PipelineSource::of(input::cluster(newest, &group.name), EmrSource::Clusters(selector(group, &groups)))
        };
        sources.insert(format!("pipeline {}", group.name), ExitSource { title: group.name.clone(), source });
    }
    for application in &read.serverless {
        let id = application.id();
        let name = crate::inventory::text(&application.described, "/name");
        let source = PipelineSource {
            unread: unread(&id),
            ..PipelineSource::of(input::application(application), EmrSource::Application(id.clone()))
        };
        let title = if name.is_empty() { id.clone() } else { name };
        sources.insert(format!("application {id}"), ExitSource { title, source });
    }
    sources
}

#[cfg(test)]
#[path = "exit_tests.rs"]
pub(crate) mod tests;
