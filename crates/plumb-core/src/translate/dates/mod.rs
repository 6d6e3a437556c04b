//! Dates and serials: what of a job changes from run to run.
//!
//! The runs of a pipeline are translated each for itself, and their jobs are compared text by text at the same place. What
//! is the same in all of them is a constant. A date that recurs becomes a parameter of the job, which the DAG gives; how it
//! follows from the run's time is proven by two runs or asked. What cannot be a parameter, or is not understood, keeps its
//! place under a question.

pub(super) mod forms;
mod leaves;
mod parts;
pub(super) mod wire;

use super::account::TranslationDecision;
use super::pipeline::one_run;
use super::recurring::{rounds, stays, submitted};
use super::{At, EarlierRun, Fate, PipelineSource, RunTime, Translation, TranslationOptions};
use crate::kinds::airflow::dag::AirflowDag;
use crate::kinds::databricks::job::DatabricksJob;
use crate::kinds::emr::api::time;
use crate::kinds::emr::migration::Migration;
use forms::DateUnit;
use jiff::Timestamp;
use leaves::{Leaf, Leaves, leaves};
use parts::{Part, PartKind, Seen, Varying, parts};
use plumb_model::address::slug;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use wire::DateRule;

/// A date or serial that became a parameter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecoveredValue {
    /// The parameter's name.
    pub parameter: String,
    /// What the newest run had in its place.
    pub was: String,
    /// What it is, in words.
    pub meaning: String,
    /// How many runs prove it; `None` where it is asked.
    pub proven: Option<usize>,
    /// `month` or `day`, and how it is written, by strftime; `None` of a serial, and of a quarter, which no comparison is of.
    pub period: Option<(&'static str, String)>,
    /// The jobs that have it, by their addresses.
    pub jobs: BTreeSet<String>,
}

/// A run of the pipeline.
struct ComparedRun<'a> {
    /// That of the pipeline's manifests.
    name: &'a str,
    input: &'a Value,
    /// What it came to.
    made: Translation,
    time: RunTime,
    /// When the step of each task was submitted, where steps are fed to a cluster that stays up.
    steps: Option<BTreeMap<String, Timestamp>>,
}

impl ComparedRun<'_> {
    /// When the run of a task of a job was.
    fn moment(&self, job: &str, task: Option<&str>) -> Option<Timestamp> {
        if let Some((_, end)) = self.time.interval {
            return Some(end);
        }
        if let Some(runs) = self.input["jobRuns"].as_array() {
            let own = |run: &Value| slug(&format!("{} {}", self.name, run["name"].as_str()?));
            let is_it = |run: &&Value| own(run).as_deref() == Some(job);
            return runs.iter().filter(is_it).find_map(|run| time(run, "/createdAt"));
        }
        match (&self.steps, task) {
            (Some(steps), task) => steps.get(task?).copied(),
            (None, _) => self.time.created.or(self.time.logical),
        }
    }
}

/// When the step of each task was submitted: the account says which step it is.
fn submissions(input: &Value, made: &Translation) -> BTreeMap<String, Timestamp> {
    let task = |fate: &Fate| match fate {
        Fate::Translated { to } => Some(to.strip_prefix("tasks[")?.strip_suffix("].task_key")?.to_owned()),
        _ => None,
    };
    let of = |step: At<'_>| {
        let task = made.account.fates.get(&format!("{}.Name", step.field)).and_then(task)?;
        Some((task, submitted(step.value)?))
    };
    At::root(input).list("Steps").into_iter().filter_map(of).collect()
}

/// A date or serial of the jobs, and everywhere it stands.
struct DateGroup {
    /// By strftime; empty of a serial.
    form: String,
    unit: Option<DateUnit>,
    /// The text of the newest run.
    now: String,
    rule: Option<DateRule>,
    /// How many runs prove the rule; `None` where it is only likely.
    proven: Option<usize>,
    serial: bool,
    spots: Vec<PartSpot>,
}

/// A place of a group in the text of a leaf.
struct PartSpot {
    document: usize,
    leaf: usize,
    start: usize,
    end: usize,
    flag: Option<String>,
}

/// The first and the last byte of a part of a text, and what takes its place.
type TextEdit = (usize, usize, String);

/// Makes parameters of what recurs in the jobs of a translation, and asks about what does not let itself be one.
pub(super) fn recover(translation: &mut Translation, source: &PipelineSource, options: &TranslationOptions) {
    let fed: Vec<Value> = rounds(&source.input);
    let name = options.name.as_deref().unwrap_or_default();
    let run = |input, made: Translation, time, fed: bool| {
        let steps = fed.then(|| submissions(input, &made));
        ComparedRun { name, input, made, time, steps }
    };
    let input = &source.input;
    let mut runs = vec![run(input, translation.clone(), source.run, stays(input))];
    let made = |input| one_run(input, source, options).0;
    runs.extend(fed.iter().map(|input| run(input, made(input), RunTime::default(), true)));
    let earlier = source.earlier.iter();
    runs.extend(earlier.map(|EarlierRun { run: time, input }| run(input, made(input), *time, stays(input))));
    let mut found = FoundDates::default();
    for (index, document) in translation.documents.iter().enumerate() {
        if document.address.kind == DatabricksJob::NAME {
            found.document(index, &runs);
        }
    }
    found.group();
    found.write(translation);
}

/// What is found in the jobs.
#[derive(Default)]
struct FoundDates {
    /// The texts of each document, by its index.
    leaves: BTreeMap<usize, Vec<Leaf>>,
    /// Parts that may be a parameter: the document, the leaf, the part.
    varying: Vec<(usize, usize, Part)>,
    /// Leaves that have a question, each with what it is about and why.
    asked: Vec<(usize, usize, String, &'static str)>,
    groups: Vec<DateGroup>,
}

impl FoundDates {
    fn document(&mut self, index: usize, runs: &[ComparedRun<'_>]) {
        let Some((newest, earlier)) = runs.split_first() else { return };
        let document = &newest.made.documents[index];
        let address = &document.address;
        let own = leaves(&document.spec);
        let others: Vec<(&ComparedRun<'_>, Leaves)> = earlier
            .iter()
            .filter_map(|run| {
                let same = run.made.documents.iter().find(|other| other.address == *address)?;
                Some((run, Leaves::of(leaves(&same.spec))))
            })
            .collect();
        for (number, leaf) in own.iter().enumerate() {
            let task = leaf.task.as_deref();
            let mut seen = vec![Seen { text: leaf.text.clone(), moment: newest.moment(&address.name, task) }];
            for (run, others) in &others {
                if let Some(other) = others.same(leaf) {
                    seen.push(Seen { text: other.text.clone(), moment: run.moment(&address.name, task) });
                }
            }
            let mut why = None;
            for part in parts(leaf, &seen) {
                match (&part.kind, leaf.resolves) {
                    (PartKind::Unknown(unknown), _) => why = why.or(Some((part.text(leaf), *unknown))),
                    (PartKind::Varying(_) | PartKind::Near(..), true) => self.varying.push((index, number, part)),
                    (PartKind::Varying(_) | PartKind::Near(..), false) => {
                        let because = "Databricks fills in parameters of a job in the parameters of its tasks only";
                        why = why.or(Some((part.text(leaf), because)));
                    }
                }
            }
            if let Some((part, why)) = why {
                self.asked.push((index, number, part, why));
            }
        }
        self.leaves.insert(index, own);
    }

    /// Puts parts together that are the same date or serial: those that are proven first, as others may be the same.
    fn group(&mut self) {
        let mut all = std::mem::take(&mut self.varying);
        // The month of a run and the month of the day before it are told apart by a day that is proven.
        let hint = all.iter().find_map(|(.., part)| match &part.kind {
            PartKind::Varying(Varying::Date { unit: DateUnit::Day, runs }) => {
                DateRule::proven(DateUnit::Day, runs, None).filter(|rule| matches!(rule, DateRule::Days(_)))
            }
            _ => None,
        });
        let is_proven = |part: &Part| match &part.kind {
            PartKind::Varying(Varying::Date { unit, runs }) => DateRule::proven(*unit, runs, hint).is_some(),
            PartKind::Varying(_) => true,
            _ => false,
        };
        all.sort_by_key(|(.., part)| !is_proven(part));
        for (document, leaf, part) in all {
            let (text, flag) = match self.leaves.get(&document).and_then(|leaves| leaves.get(leaf)) {
                Some(leaf) => (part.text(leaf), leaf.flag(part.start, part.end)),
                None => continue,
            };
            let spot = PartSpot { document, leaf, start: part.start, end: part.end, flag };
            let made = |unit, rule, proven, serial| DateGroup {
                form: part.form.clone(),
                unit,
                now: text.clone(),
                rule,
                proven,
                serial,
                spots: Vec::new(),
            };
            let group = match &part.kind {
                PartKind::Varying(Varying::Date { unit, runs }) => match DateRule::proven(*unit, runs, hint) {
                    Some(rule) => made(Some(*unit), Some(rule), Some(runs.len()), false),
                    None => {
                        let near = runs.first().and_then(|(date, run)| DateRule::near(*unit, *date, *run));
                        made(Some(*unit), near.or(Some(DateRule::usual(*unit))), None, false)
                    }
                },
                PartKind::Varying(Varying::Moment { runs }) => made(None, Some(DateRule::Moment), Some(*runs), false),
                PartKind::Varying(Varying::Serial { runs }) => made(None, None, Some(*runs), true),
                PartKind::Near(unit, rule) => made(Some(*unit), Some(*rule), None, false),
                PartKind::Unknown(_) => continue,
            };
            let same = |other: &&mut DateGroup| {
                let is_rule = group.proven.and(other.proven).and(group.rule).is_some();
                let fits = if is_rule { other.rule == group.rule } else { other.now == group.now };
                other.form == group.form && fits && (group.proven.is_none() || other.serial == group.serial)
            };
            match self.groups.iter_mut().find(same) {
                Some(other) => other.spots.push(spot),
                None => self.groups.push(DateGroup { spots: vec![spot], ..group }),
            }
        }
        // Names follow the order in which the texts stand.
        for group in &mut self.groups {
            group.spots.sort_by_key(|spot| (spot.document, spot.leaf, spot.start));
        }
        self.groups.sort_by_key(|group| group.spots.first().map(|spot| (spot.document, spot.leaf, spot.start)));
    }

    fn write(self, translation: &mut Translation) {
        let mut taken: BTreeSet<String> = translation
            .documents
            .iter()
            .filter_map(|document| document.spec["parameters"].as_array())
            .flatten()
            .filter_map(|parameter| parameter["name"].as_str().map(str::to_owned))
            .collect();
        let mut edits: BTreeMap<(usize, usize), Vec<TextEdit>> = BTreeMap::new();
        for group in &self.groups {
            let name = group.name(&taken);
            taken.insert(name.clone());
            for spot in &group.spots {
                let text = format!("{{{{job.parameters.{name}}}}}");
                edits.entry((spot.document, spot.leaf)).or_default().push((spot.start, spot.end, text));
            }
            group.declare(&name, translation);
        }
        for ((document, leaf), mut edits) in edits {
            let Some(leaf) = self.leaves.get(&document).and_then(|leaves| leaves.get(leaf)) else { continue };
            edits.sort_by_key(|(start, ..)| std::cmp::Reverse(*start));
            let mut text = leaf.text.clone();
            for (start, end, parameter) in edits {
                text.replace_range(start..end, &parameter);
            }
            let address = translation.documents[document].address.to_string();
            for decision in translation.decisions.iter_mut().filter(|d| d.document == address) {
                decision.what = reworded(&decision.what, &leaf.text, &text);
            }
            if let Some(value) = translation.documents[document].spec.pointer_mut(&leaf.pointer) {
                *value = json!(text);
            }
        }
        let mut told = BTreeSet::new();
        for (document, leaf, part, why) in &self.asked {
            let Some(leaf) = self.leaves.get(document).and_then(|leaves| leaves.get(*leaf)) else { continue };
            let shown = leaf.shown();
            // The same text on several clusters is one question.
            if !told.insert((document, shown.clone())) {
                continue;
            }
            translation.decisions.push(TranslationDecision {
                field: String::new(),
                what: format!(
                    "what `{part}` is in `{}`: a date, period, month, day or serial of one run, or the same in every run",
                    shown
                ),
                why: (*why).to_owned(),
                options: vec![
                    "the same in every run: leave it".into(),
                    "of one run: let the code take it from a parameter of the task (`{{job.parameters.date}}`), which the DAG gives"
                        .into(),
                ],
                default: "it stays as the newest run had it".into(),
                document: translation.documents[*document].address.to_string(),
                place: leaf.place.clone(),
            });
        }
    }
}

/// What a question says of a place, as it is now: the old date would be another one in each month.
fn reworded(what: &str, was: &str, is: &str) -> String {
    // Questions have addresses as EMR has them, with another scheme or without the flag.
    let tail = |text: &str| text.split_once("://").map_or(text, |(_, tail)| tail).to_owned();
    match tail(was) {
        short if short.len() >= 8 => what.replace(&short, &tail(is)),
        _ => what.to_owned(),
    }
}

impl DateGroup {
    /// A name that is not taken: that of the flag which the value belongs to, else that of its unit.
    fn name(&self, taken: &BTreeSet<String>) -> String {
        let flag = self.spots.iter().find_map(|spot| spot.flag.clone());
        let unit = match (self.serial, self.unit) {
            (true, _) => "run_id",
            (_, Some(DateUnit::Quarter)) => "quarter",
            (_, Some(DateUnit::Month)) => "month",
            (_, Some(DateUnit::Day)) => "date",
            (_, None) => "timestamp",
        };
        let variant = match self.form.as_str() {
            form if form.contains('=') => "partition",
            form if form.contains('/') => "path",
            form if form.contains(['-', '_']) => "dash",
            _ => "nodash",
        };
        let flag_too = flag.as_ref().map(|flag| format!("{flag}_{variant}"));
        let fixed = [flag, Some(unit.to_owned()), Some(format!("{unit}_{variant}")), flag_too];
        let numbered = (2..).map(|n| format!("{unit}_{n}"));
        let mut all = fixed.into_iter().flatten().chain(numbered);
        all.find(|name| !taken.contains(name)).unwrap_or_else(|| unit.to_owned())
    }

    /// What it is, in words.
    fn meaning(&self) -> String {
        let said = self.rule.map_or_else(|| "a serial of the run".to_owned(), DateRule::said);
        if self.form.contains("%q") {
            return format!("{said}; the DAG gives it, a run by hand has to: Databricks has no value for a quarter");
        }
        said
    }

    /// Declares the parameter in the jobs that have it, lets the DAG give it, and asks for what is not proven.
    fn declare(&self, name: &str, translation: &mut Translation) {
        let default = match self.rule {
            Some(_) => wire::default(&self.form).unwrap_or_default(),
            None if self.form == parts::MILLISECONDS => "{{job.start_time.timestamp_ms}}".into(),
            None => "{{job.run_id}}".into(),
        };
        let mut jobs = BTreeSet::new();
        for document in self.spots.iter().map(|spot| spot.document).collect::<BTreeSet<_>>() {
            let document = &mut translation.documents[document];
            jobs.insert(document.address.to_string());
            let mut parameters = document.spec["parameters"].as_array().cloned().unwrap_or_default();
            parameters.push(json!({ "name": name, "default": default }));
            parameters.sort_by_key(|parameter| parameter["name"].as_str().unwrap_or_default().to_owned());
            document.spec["parameters"] = Value::Array(parameters);
        }
        translation.recovered.push(RecoveredValue {
            parameter: name.to_owned(),
            was: self.now.clone(),
            meaning: self.meaning(),
            proven: self.proven,
            period: self.unit.and_then(|unit| match unit {
                DateUnit::Quarter => None,
                DateUnit::Month => Some(("month", self.form.clone())),
                DateUnit::Day => Some(("day", self.form.clone())),
            }),
            jobs: jobs.clone(),
        });
        let Some(rule) = self.rule else { return };
        let expression = rule.expression(&self.form);
        let runs: Vec<String> =
            jobs.iter().map(|job| format!("${{resources.{}}}", job.replacen('/', ".", 1))).collect();
        let mut asked = None;
        for document in translation.documents.iter_mut().filter(|d| d.address.kind == AirflowDag::NAME) {
            for task in document.spec["tasks"].as_array_mut().into_iter().flatten() {
                if !task["run"].as_str().is_some_and(|run| runs.iter().any(|job| job == run)) {
                    continue;
                }
                task["params"]["job_parameters"][name] = json!(expression);
                let id = task["id"].as_str().unwrap_or("*");
                let place = || (document.address.to_string(), format!("tasks[{id}].params.job_parameters.{name}"));
                asked = asked.or_else(|| Some(place()));
            }
        }
        if let Some((document, place)) = asked.filter(|_| self.proven.is_none()) {
            translation.decisions.push(TranslationDecision {
                field: String::new(),
                what: format!("which date `{name}` is of a run: the newest run on EMR had `{}`", self.now),
                why: "too few runs are known, or too much alike, to prove how it follows from the run's time".into(),
                options: vec![format!("{}, as below", self.meaning()), "another one: change the expression".into()],
                default: self.meaning(),
                document,
                place,
            });
        }
    }
}

/// Tells the migration which parameter says the period: the one month or day that all of its jobs have.
pub(super) fn period(translation: &mut Translation) {
    let jobs = translation.documents.iter().filter(|d| d.address.kind == DatabricksJob::NAME);
    let jobs: BTreeSet<String> = jobs.map(|job| job.address.to_string()).collect();
    let periods: Vec<&RecoveredValue> = translation.recovered.iter().filter(|one| one.period.is_some()).collect();
    let [RecoveredValue { parameter, period: Some((unit, form)), jobs: own, .. }] = periods.as_slice() else { return };
    let (parameter, unit, form) = (parameter.clone(), *unit, form.clone());
    if *own != jobs {
        return;
    }
    let Some(migration) = translation.documents.iter_mut().find(|d| d.address.kind == Migration::NAME) else { return };
    let compared = migration.spec.pointer("/compare/period").and_then(Value::as_str).map(str::to_owned);
    if compared.as_ref().is_some_and(|compared| compared != unit) {
        return;
    }
    let mut period = json!({ "parameter": parameter });
    let usual = if unit == "month" { "%Y-%m" } else { "%Y-%m-%d" };
    if form != usual || compared.is_none() {
        period["format"] = json!(form);
    }
    migration.spec["period"] = period;
}

#[cfg(test)]
mod tests;
