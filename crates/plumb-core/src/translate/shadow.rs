//! Where the new jobs write until the cutover: never where the old ones do.
//!
//! What a job writes begins with a parameter of it, `output`, whose default is the old root. Until the cutover runs are
//! given another one, below `${var.output_root}` (`Migration.spec.shadow`). What a job reads and this pipeline or another
//! migrated one writes follows it, as it begins with the same parameter.

use super::Translation;
use super::account::TranslationDecision;
use crate::detect;
use crate::inventory::depends::{self, Use};
use crate::inventory::pattern;
use crate::kinds::databricks::job::DatabricksJob;
use plumb_model::address::{Address, slug};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// The variable of plumb.yaml below which everything is written until the cutover.
pub const OUTPUT_ROOT: &str = "output_root";

/// What is given to the jobs until they are cut over.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct ShadowPlaces {
    /// The parameters of the jobs, each with the bucket that is its default: `output` is `s3://lake`.
    pub roots: BTreeMap<String, String>,
    /// Whether no argument says where anything is written.
    pub unknown: bool,
}

impl ShadowPlaces {
    /// What takes the place of an address until the cutover; `None` where nothing of its bucket was moved.
    pub fn instead(&self, address: &str) -> Option<String> {
        let bucket = bucket(address)?;
        let root = self.roots.values().find(|root| bucket == root.as_str())?;
        Some(format!("{}{}", shadow_of(root), &address[root.len()..]))
    }

    /// `Migration.spec.shadow`.
    pub fn spec(&self) -> Option<Value> {
        let parameters: BTreeMap<&String, String> =
            self.roots.iter().map(|(name, root)| (name, shadow_of(root))).collect();
        (!parameters.is_empty()).then(|| json!({ "parameters": parameters }))
    }

    /// The place that `${var.output_root}` may be, where plumb.yaml does not say it.
    pub fn output_root(&self) -> Option<String> {
        let first = self.roots.iter().min_by_key(|(name, _)| (name.as_str() != "output", name.as_str()))?;
        Some(format!("{}/plumb-shadow", first.1))
    }
}

fn shadow_of(root: &str) -> String {
    format!("${{var.{OUTPUT_ROOT}}}/{}", root.trim_start_matches("s3://"))
}

/// `s3://lake` of `s3://lake/gold/…`.
fn bucket(address: &str) -> Option<&str> {
    let rest = address.strip_prefix("s3://")?;
    let length = rest.find('/').unwrap_or(rest.len());
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    (length > 0 && rest[..length].chars().all(plain)).then(|| &address[.."s3://".len() + length])
}

/// An address in an argument of a task.
struct Argument {
    job: Address,
    task: String,
    /// The member that the task is run by: `spark_python_task`.
    body: String,
    index: usize,
    address: String,
    usage: Use,
}

/// Gives what is written a parameter, in all jobs of a translation. `written` are the addresses that EMR's steps say they
/// write, `others` places that other migrated pipelines write.
pub(super) fn wire(translation: &mut Translation, written: &[String], others: &[String]) -> ShadowPlaces {
    let mut arguments = arguments(translation);
    // A copy that a task makes itself now says what the task's own arguments do not.
    for argument in arguments.iter_mut().filter(|a| a.usage == Use::Mentioned) {
        if written.iter().any(|place| tidy(place) == tidy(&argument.address)) {
            argument.usage = Use::Written;
        }
    }
    let outputs: Vec<&str> = arguments.iter().filter(|a| a.usage == Use::Written).map(|a| tidy(&a.address)).collect();
    let is_below = |address: &str, place: &str| {
        address.strip_prefix(place).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    let mut shadow = ShadowPlaces::default();
    let mut moved: Vec<&Argument> = Vec::new();
    let (mut unknown, mut earlier): (Vec<&Argument>, Vec<&Argument>) = (Vec::new(), Vec::new());
    for argument in &arguments {
        let address = tidy(&argument.address);
        let follows = outputs.iter().any(|output| is_below(address, output))
            || others.iter().any(|place| is_below(address, tidy(place)));
        match argument.usage {
            Use::Written => moved.push(argument),
            Use::Read | Use::Mentioned if follows => moved.push(argument),
            Use::Read | Use::Mentioned if outputs.iter().any(|o| steady(o) == steady(address)) => {
                earlier.push(argument)
            }
            Use::Mentioned => unknown.push(argument),
            Use::Read | Use::Code | Use::Logged => {}
        }
    }
    moved.retain(|argument| bucket(&argument.address).is_some());
    // The first bucket that is written is `output`, whatever is read before.
    let in_order = moved.iter().filter(|a| a.usage == Use::Written).chain(&moved);
    for argument in in_order {
        let Some(root) = bucket(&argument.address) else { continue };
        if !shadow.roots.values().any(|known| known == root) {
            let base = if argument.usage == Use::Written { "output" } else { "input" };
            let name = free_name(translation, &shadow, base, root);
            shadow.roots.insert(name, root.to_owned());
        }
    }
    let mut used: BTreeSet<(Address, String)> = BTreeSet::new();
    for argument in &moved {
        let Some(root) = bucket(&argument.address) else { continue };
        let Some((name, _)) = shadow.roots.iter().find(|(_, known)| *known == root) else { continue };
        let put = format!("{{{{job.parameters.{name}}}}}{}", &argument.address[root.len()..]);
        if let Some(text) = parameter(translation, argument)
            && let Value::String(text) = text
            && text.contains(&argument.address)
        {
            *text = text.replacen(&argument.address, &put, 1);
            used.insert((argument.job.clone(), name.clone()));
        }
    }
    for (job, name) in &used {
        let default = shadow.roots.get(name).cloned().unwrap_or_default();
        if let Some(document) = translation.documents.iter_mut().find(|d| d.address == *job) {
            let mut list = document.spec["parameters"].as_array().cloned().unwrap_or_default();
            list.push(json!({ "name": name, "default": default }));
            document.spec["parameters"] = Value::Array(list);
        }
    }
    ask(translation, &unknown, &earlier);
    configured(translation);
    shadow.unknown = moved.is_empty() && unknown.is_empty() && !arguments.is_empty() || arguments.is_empty();
    translation.output_root = shadow.output_root();
    shadow
}

/// Asks about addresses of which the arguments do not say what is done with them.
fn ask(translation: &mut Translation, unknown: &[&Argument], earlier: &[&Argument]) {
    let list = |arguments: &[&Argument], job: &Address| -> String {
        let of: BTreeSet<String> = arguments
            .iter()
            .filter(|a| a.job == *job)
            .map(|a| format!("`{}`", detect::masked(&a.address.replace("$${", "${"))))
            .collect();
        of.into_iter().collect::<Vec<_>>().join(", ")
    };
    let jobs: BTreeSet<&Address> = unknown.iter().chain(earlier).map(|a| &a.job).collect();
    for job in jobs {
        let place = |arguments: &[&Argument]| {
            let first = arguments.iter().find(|a| a.job == *job);
            first.map(|a| format!("tasks[{}].{}.parameters", a.task, a.body))
        };
        if let Some(place) = place(unknown) {
            translation.decisions.push(TranslationDecision {
                field: String::new(),
                what: format!("which of these the job writes to: {}", list(unknown, job)),
                why: "until the cutover EMR writes to its outputs, and the arguments do not say which are outputs"
                    .into(),
                options: vec![
                    "begin each output with a parameter of the job, and set it in `shadow` of the migration".into(),
                    "none: they are only read".into(),
                ],
                default: "all are only read".into(),
                document: job.to_string(),
                place,
            });
        }
        if let Some(place) = place(earlier) {
            translation.decisions.push(TranslationDecision {
                field: String::new(),
                what: format!("of which pipeline the job reads earlier outputs: {}", list(earlier, job)),
                why: "the pipeline writes there itself, in other periods".into(),
                options: vec![
                    "what the old one wrote: as it is".into(),
                    "what the new one wrote: begin it with the parameter of the output".into(),
                ],
                default: "what the old one wrote".into(),
                document: job.to_string(),
                place,
            });
        }
    }
}

/// Asks about places that a cluster's properties and variables say are written: they are no parameters of a job.
fn configured(translation: &mut Translation) {
    let mut asked = Vec::new();
    for document in translation.documents.iter().filter(|d| d.address.kind == DatabricksJob::NAME) {
        for cluster in document.spec["job_clusters"].as_array().into_iter().flatten() {
            let key = cluster["job_cluster_key"].as_str().unwrap_or("*");
            for member in ["spark_conf", "spark_env_vars"] {
                for (name, value) in cluster["new_cluster"][member].as_object().into_iter().flatten() {
                    let says = value.as_str().unwrap_or_default();
                    let is_place = depends::addresses(says).iter().any(|found| found.contains("://"));
                    if depends::of_name(name) == Use::Written && is_place {
                        asked.push((
                            document.address.to_string(),
                            key.to_owned(),
                            member,
                            name.clone(),
                            says.to_owned(),
                        ));
                    }
                }
            }
        }
    }
    for (document, key, member, name, says) in asked {
        translation.decisions.push(TranslationDecision {
            field: String::new(),
            what: format!("where `{name}` points until the cutover: `{}`", detect::masked(&says.replace("$${", "${"))),
            why: "its name says that something is written there, and the old pipeline writes there too".into(),
            options: vec![
                "a place of its own until the cutover".into(),
                "the same: only this job's own work is there".into(),
            ],
            default: "the same as on EMR".into(),
            document,
            place: format!("job_clusters[{key}].new_cluster.{member}.{name}"),
        });
    }
}

/// All addresses in S3 among the arguments of all tasks.
fn arguments(translation: &Translation) -> Vec<Argument> {
    let mut all = Vec::new();
    for document in translation.documents.iter().filter(|d| d.address.kind == DatabricksJob::NAME) {
        for task in document.spec["tasks"].as_array().into_iter().flatten() {
            let key = task["task_key"].as_str().unwrap_or_default();
            for (body, member) in task.as_object().into_iter().flatten() {
                let Some(list) = member.get("parameters").and_then(Value::as_array) else { continue };
                let texts: Vec<String> = list.iter().map(|p| p.as_str().unwrap_or_default().to_owned()).collect();
                for (index, (text, usage)) in texts.iter().zip(depends::uses(&texts)).enumerate() {
                    for found in depends::addresses(text).into_iter().filter(|found| found.starts_with("s3://")) {
                        all.push(Argument {
                            job: document.address.clone(),
                            task: key.to_owned(),
                            body: body.clone(),
                            index,
                            address: found.to_owned(),
                            usage,
                        });
                    }
                }
            }
        }
    }
    all
}

fn parameter<'t>(translation: &'t mut Translation, argument: &Argument) -> Option<&'t mut Value> {
    let document = translation.documents.iter_mut().find(|d| d.address == argument.job)?;
    let tasks = document.spec["tasks"].as_array_mut()?;
    let task = tasks.iter_mut().find(|task| task["task_key"] == argument.task.as_str())?;
    task[argument.body.as_str()]["parameters"].as_array_mut()?.get_mut(argument.index)
}

/// A name that no job has for a parameter of another meaning.
fn free_name(translation: &Translation, shadow: &ShadowPlaces, base: &str, root: &str) -> String {
    let jobs = translation.documents.iter().filter(|d| d.address.kind == DatabricksJob::NAME);
    let lists = jobs.flat_map(|d| d.spec["parameters"].as_array().into_iter().flatten());
    let mut taken: BTreeSet<String> = lists.filter_map(|p| p["name"].as_str().map(str::to_owned)).collect();
    taken.extend(shadow.roots.keys().cloned());
    let of_bucket = slug(root.trim_start_matches("s3://")).unwrap_or_else(|| "other".into()).replace(['-', '.'], "_");
    let more = (2..).map(|n| format!("{base}_{n}"));
    let all = [base.to_owned(), format!("{base}_{of_bucket}")].into_iter().chain(more);
    all.into_iter().find(|name| !taken.contains(name)).unwrap_or_else(|| base.to_owned())
}

fn tidy(address: &str) -> &str {
    address.trim_end_matches('/')
}

/// The part of an address that is the same in every run.
fn steady(address: &str) -> String {
    let text = pattern::of(address);
    let end = text.find(['{', '*', '?', '[', '$']).unwrap_or(text.len());
    match text[..end].rfind('/') {
        Some(at) if end < text.len() => text[..at].to_owned(),
        _ => text,
    }
}

#[cfg(test)]
mod tests {
    use super::super::{TranslationOptions, supported, translate};
    use super::*;

    fn wired(steps: &[&[&str]], others: &[&str]) -> (Translation, ShadowPlaces) {
        copied(steps, &[], others)
    }

    fn copied(steps: &[&[&str]], written: &[&str], others: &[&str]) -> (Translation, ShadowPlaces) {
        let step = |args: &&[&str]| {
            let args: Vec<&str> = ["spark-submit", "s3://code/a.py"].into_iter().chain(args.iter().copied()).collect();
            json!({ "Name": "load", "Config": { "Jar": "command-runner.jar", "Args": args } })
        };
        let input = json!({
            "Cluster": { "Name": "sales", "ReleaseLabel": "emr-7.1.0" },
            "Steps": steps.iter().rev().map(step).collect::<Vec<_>>(),
        });
        let mut translation = translate(&input, &TranslationOptions::new(supported(jiff::civil::date(2026, 11, 22))));
        let [written, others] =
            [written, others].map(|all| all.iter().map(|place| (*place).to_owned()).collect::<Vec<_>>());
        translation.decisions.clear();
        let shadow = wire(&mut translation, &written, &others);
        (translation, shadow)
    }

    fn job_of<'t>(translation: &'t Translation, name: &str) -> &'t Value {
        let address = super::super::address(DatabricksJob::NAME, name);
        translation.documents.iter().find(|d| d.address == address).map_or(&Value::Null, |d| &d.spec)
    }

    fn given(translation: &Translation, task: usize) -> Vec<&str> {
        let list = job_of(translation, "sales")["tasks"][task]["spark_python_task"]["parameters"].as_array();
        list.into_iter().flatten().filter_map(Value::as_str).collect()
    }

    fn asked(translation: &Translation) -> Vec<&str> {
        translation.decisions.iter().map(|d| d.what.as_str()).collect()
    }

    #[test]
    fn what_is_written_and_what_reads_it_begin_with_the_parameter() {
        let steps: [&[&str]; 2] = [
            &["--input", "s3://raw/in/2026-10", "--output", "s3://lake/stage/2026-10/", "--out=s3a://other/x"],
            &[
                "--input",
                "s3://lake/stage/2026-10",
                "--ref",
                "s3://lake/stage/2026-10/part",
                "--dest",
                "s3://lake/gold",
            ],
        ];
        let (translation, shadow) = wired(&steps, &[]);
        assert_eq!(
            given(&translation, 0),
            [
                "--input",
                "s3://raw/in/2026-10",
                "--output",
                "{{job.parameters.output}}/stage/2026-10/",
                "--out={{job.parameters.output_other}}/x"
            ]
        );
        assert_eq!(
            given(&translation, 1)[1..],
            [
                "{{job.parameters.output}}/stage/2026-10",
                "--ref",
                "{{job.parameters.output}}/stage/2026-10/part",
                "--dest",
                "{{job.parameters.output}}/gold"
            ]
        );
        let parameters =
            json!([{ "name": "output", "default": "s3://lake" }, { "name": "output_other", "default": "s3://other" }]);
        assert_eq!(job_of(&translation, "sales")["parameters"], parameters);
        assert_eq!(
            shadow.spec(),
            Some(
                json!({ "parameters": { "output": "${var.output_root}/lake", "output_other": "${var.output_root}/other" } })
            )
        );
        assert_eq!(
            shadow.instead("s3://lake/gold/{period}/").as_deref(),
            Some("${var.output_root}/lake/gold/{period}/")
        );
        assert_eq!(shadow.instead("s3://raw/x"), None);
        assert_eq!(translation.output_root.as_deref(), Some("s3://lake/plumb-shadow"));
        assert!(asked(&translation).is_empty() && !shadow.unknown);
    }

    #[test]
    fn what_another_migrated_pipeline_writes_is_followed() {
        let args: [&[&str]; 1] =
            [&["--input", "s3://lake/gold/2026-10", "--also", "s3://lake/goldmine", "--output", "s3://mart/a"]];
        let (translation, shadow) = wired(&args, &["s3://lake/gold"]);
        let wanted = ["--input", "{{job.parameters.input}}/gold/2026-10", "--also", "s3://lake/goldmine", "--output"];
        assert_eq!(given(&translation, 0)[..5], wanted);
        assert_eq!(shadow.roots.keys().collect::<Vec<_>>(), ["input", "output"]);
        assert_eq!(asked(&translation), ["which of these the job writes to: `s3://lake/goldmine`"]);
    }

    #[test]
    fn what_a_copy_says_is_written_is_an_output_of_the_task() {
        let args: [&[&str]; 1] = [&["s3://in/a", "s3://lake/b/2026-10"]];
        let (translation, _) = copied(&args, &["s3://lake/b/2026-10/"], &[]);
        assert_eq!(given(&translation, 0), ["s3://in/a", "{{job.parameters.output}}/b/2026-10"]);
        assert_eq!(asked(&translation), ["which of these the job writes to: `s3://in/a`"]);
    }

    #[test]
    fn what_is_not_known_is_asked_once_and_left_alone() {
        let args: [&[&str]; 1] = [&[
            "s3://in/a",
            "s3://out/b",
            "--previous-input",
            "s3://lake/g/2026-09",
            "--output",
            "s3://lake/g/2026-10",
        ]];
        let (translation, shadow) = wired(&args, &[]);
        assert_eq!(given(&translation, 0)[..4], ["s3://in/a", "s3://out/b", "--previous-input", "s3://lake/g/2026-09"]);
        assert_eq!(
            asked(&translation),
            [
                "which of these the job writes to: `s3://in/a`, `s3://out/b`",
                "of which pipeline the job reads earlier outputs: `s3://lake/g/2026-09`"
            ]
        );
        assert!(!shadow.unknown);
        let (_, shadow) = wired(&[&["--mode", "full"]], &[]);
        assert!(shadow.unknown && shadow.spec().is_none());
    }
}
