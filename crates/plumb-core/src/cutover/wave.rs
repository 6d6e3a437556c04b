//! Waves: migrations that are cut over together or not at all, out of the manifests.

use super::WAVE;
use crate::kinds::cutover::{CutoverKind, ShadowSetting, StartedJob};
use crate::kinds::emr::migration::MigrationSpec;
use crate::kinds::{cutover, teardown};
use crate::manifest::{Desired, Resource};
use jiff::civil::Date;
use jiff::{Timestamp, tz::TimeZone};
use plumb_model::address::Address;
use serde_json::Value;
use std::collections::BTreeMap;

/// Migrations of one wave.
pub struct Wave<'a> {
    /// As `wave` says it; the name of the migration where it says nothing.
    pub name: String,
    /// The day, as written.
    pub cutover: Option<String>,
    /// In the order of addresses.
    pub members: Vec<WaveMember<'a>>,
}

/// A migration of a wave.
pub struct WaveMember<'a> {
    pub resource: &'a Resource,
    pub spec: MigrationSpec,
    /// The DAGs of `from.dags`.
    pub old: Vec<WaveObject<'a>>,
    /// The DAGs of `to.dags`.
    pub new: Vec<WaveObject<'a>>,
    /// The jobs of `to.jobs`.
    pub jobs: Vec<&'a Resource>,
}

/// A DAG of a wave.
pub struct WaveObject<'a> {
    pub resource: &'a Resource,
    pub kind: &'static dyn CutoverKind,
    /// What runs of it are given until the cutover. Empty for an old one.
    pub settings: Vec<ShadowSetting>,
}

/// Whether an object runs as before the cutover or as after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WaveSide {
    /// Before it: the old on, the new paused and with its shadow.
    Before,
    /// After it: the old paused, the new on and with what its manifest says.
    After,
}

/// Every wave of the manifests, in the order of names; those without a day too.
pub fn waves(desired: &Desired) -> Vec<Wave<'_>> {
    let by_address: BTreeMap<String, &Resource> =
        desired.resources.iter().map(|resource| (resource.address.to_string(), resource)).collect();
    let mut waves: BTreeMap<String, Wave<'_>> = BTreeMap::new();
    for resource in &desired.resources {
        let Some(kind) = teardown::relation(resource.kind.name()) else { continue };
        let spec = kind.migration(&resource.spec);
        let name = spec.wave.clone().unwrap_or_else(|| resource.address.name.clone());
        let member = member(resource, spec, &by_address);
        let wave = waves.entry(name.clone()).or_insert_with(|| Wave { name, cutover: None, members: Vec::new() });
        wave.cutover = wave.cutover.take().or_else(|| member.spec.cutover.clone());
        wave.members.push(member);
    }
    waves.into_values().collect()
}

fn member<'a>(
    resource: &'a Resource,
    spec: MigrationSpec,
    by_address: &BTreeMap<String, &'a Resource>,
) -> WaveMember<'a> {
    let found = |list: &[String]| -> Vec<&'a Resource> {
        list.iter().filter_map(|address| by_address.get(address).copied()).collect()
    };
    let jobs = found(&spec.to.jobs);
    let started: Vec<StartedJob> =
        jobs.iter().filter_map(|job| cutover::started(&job.address, job.kind, &job.spec)).collect();
    let shadow = spec.shadow.clone().unwrap_or_default().parameters;
    let objects = |list: &Option<Vec<String>>, is_new: bool| -> Vec<WaveObject<'a>> {
        let object = |resource: &'a Resource| {
            let kind = cutover::find(resource.kind.name())?;
            let settings = if is_new { kind.settings(&resource.spec, &started, &shadow) } else { Vec::new() };
            Some(WaveObject { resource, kind, settings })
        };
        found(list.as_deref().unwrap_or_default()).into_iter().filter_map(object).collect()
    };
    let (old, new) = (objects(&spec.from.dags, false), objects(&spec.to.dags, true));
    WaveMember { resource, spec, old, new, jobs }
}

impl<'a> Wave<'a> {
    /// `Wave/1`.
    pub fn address(&self) -> Address {
        Address { kind: WAVE.to_owned(), name: self.name.clone() }
    }

    /// The day, if it is one.
    pub fn day(&self) -> Option<Date> {
        self.cutover.as_deref()?.parse().ok()
    }

    /// Its old DAGs.
    pub fn old(&self) -> impl Iterator<Item = &WaveObject<'a>> {
        self.members.iter().flat_map(|member| &member.old)
    }

    /// Its new DAGs.
    pub fn new_ones(&self) -> impl Iterator<Item = &WaveObject<'a>> {
        self.members.iter().flat_map(|member| &member.new)
    }

    /// What of the manifests it is made of: its DAGs and jobs. A plan that leaves one of them out does not cut it over.
    pub fn parts(&self) -> impl Iterator<Item = &'a Resource> {
        let jobs = self.members.iter().flat_map(|member| member.jobs.iter().copied());
        self.old().chain(self.new_ones()).map(|object| object.resource).chain(jobs)
    }

    /// When its day begins: where its new DAGs are, and in all of their zones; in UTC where none says one.
    pub fn begins(&self) -> Option<Timestamp> {
        let day = self.day()?;
        let zones = self.new_ones().filter_map(|new| new.kind.zone(&new.resource.spec));
        let begin = |zone: TimeZone| zone.to_zoned(day.at(0, 0, 0, 0)).ok().map(|begin| begin.timestamp());
        zones.filter_map(begin).max().or_else(|| begin(TimeZone::UTC))
    }
}

impl WaveObject<'_> {
    /// The spec of a new DAG on one side of the cutover.
    pub fn on_side(&self, spec: &Value, side: WaveSide) -> Value {
        let mut spec = spec.clone();
        self.kind.with_paused(&mut spec, side == WaveSide::Before);
        self.with_settings(&mut spec, side);
        spec
    }

    /// Gives runs what they are given on one side of the cutover.
    pub fn with_settings(&self, spec: &mut Value, side: WaveSide) {
        for setting in &self.settings {
            let value = match side {
                WaveSide::Before => Some(&setting.shadow),
                WaveSide::After => setting.real.as_ref(),
            };
            self.kind.with_setting(spec, setting, value);
        }
    }

    /// The side that the parameters of a live spec are of; `None` when they are of neither, or some of each. Without any they
    /// are of both.
    pub fn side_of(&self, live: &Value) -> Option<WaveSide> {
        let all = |wanted: &dyn Fn(&ShadowSetting) -> Option<Value>| {
            self.settings.iter().all(|setting| self.kind.setting(live, setting) == wanted(setting))
        };
        if all(&|setting| Some(setting.shadow.clone())) {
            Some(WaveSide::Before)
        } else if all(&|setting| setting.real.clone()) {
            Some(WaveSide::After)
        } else {
            None
        }
    }

    /// Whether the parameters of a live spec are those of a side.
    pub fn is_on(&self, live: &Value, side: WaveSide) -> bool {
        self.settings.is_empty() || self.side_of(live) == Some(side)
    }
}
