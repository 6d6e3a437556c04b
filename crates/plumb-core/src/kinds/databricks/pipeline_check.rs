//! What the schema of a pipeline cannot say.

use super::cluster_check::repeated;
use super::code_paths::Checked;
use super::job_check::cron;
use super::pipeline::PipelineSpec;
use super::pipeline_parts::{PipelineLibrary, TimeWindow};
use super::{grants, limits};
use crate::kinds::Findings;
use plumb_model::yaml::{is_deferred, nearest};
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};

/// Tags of a pipeline (databricks-sdk-py pipelines.PipelineSpec).
const TAGS: usize = 25;
/// The parameters of a pipeline, as JSON, in characters (databricks-sdk-py pipelines.PipelinesAPI.create: "10k").
const PARAMETERS: usize = 10_000;
/// What e-mails can be about (databricks-sdk-py pipelines.Notifications).
const ALERTS: [&str; 4] = ["on-update-success", "on-update-failure", "on-update-fatal-failure", "on-flow-failure"];
/// What clusters a label means (databricks-sdk-py pipelines.PipelineCluster).
const LABELS: [&str; 3] = ["default", "updates", "maintenance"];

/// Checks a pipeline.
pub fn check(spec: &PipelineSpec, findings: &mut Findings) {
    limits::tags_beside(spec.tags.as_ref(), "tags", TAGS, findings);
    one_of("channel", spec.channel.as_deref(), &["CURRENT", "PREVIEW"], findings);
    one_of("edition", spec.edition.as_deref(), &["CORE", "PRO", "ADVANCED"], findings);
    source(spec, findings);
    destination(spec, findings);
    started(spec, findings);
    for (i, library) in spec.libraries.iter().flatten().enumerate() {
        self::library(library, &format!("libraries[{i}]"), findings);
    }
    let texts: Vec<String> = spec.libraries.iter().flatten().map(|one| json!(one).to_string()).collect();
    let whole = |i: usize| findings.is_whole(&format!("libraries[{i}]"));
    let twice: Vec<usize> = repeated(texts.iter().map(String::as_str)).into_iter().map(|(i, _)| i).collect();
    for i in twice.into_iter().filter(|i| whole(*i)).collect::<Vec<_>>() {
        findings.at(format!("libraries[{i}]"), "this library is there twice", "leave one");
    }
    clusters(spec, findings);
    for (i, notification) in spec.notifications.iter().flatten().enumerate() {
        let at = format!("notifications[{i}]");
        // Terraform provider, pipelines: one at least of each.
        for (member, list) in [("alerts", &notification.alerts), ("email_recipients", &notification.email_recipients)] {
            if list.is_empty() {
                findings.at(format!("{at}.{member}"), format!("`{member}` is empty"), "one at least");
            }
        }
        for (k, alert) in notification.alerts.iter().enumerate() {
            one_of(&format!("{at}.alerts[{k}]"), Some(alert), &ALERTS, findings);
        }
    }
    if let Some(window) = &spec.restart_window {
        self::window(window, "restart_window", findings);
    }
    if let Some(window) = spec.ingestion_definition.as_ref().and_then(|one| one.full_refresh_window.as_ref()) {
        self::window(window, "ingestion_definition.full_refresh_window", findings);
    }
    if let Some(parameters) = &spec.parameters {
        let length = json!(parameters).to_string().chars().count();
        if length > PARAMETERS {
            let label = format!("{PARAMETERS} at most, as JSON");
            findings.at("parameters", format!("parameters of {length} characters"), label);
        }
    }
    let code = Checked { has_git: false };
    if let Some(path) = &spec.root_path {
        code.path(path, "root_path".into(), findings);
    }
    let dependencies = spec.environment.as_ref().and_then(|one| one.dependencies.as_deref());
    code.dependencies(dependencies, "environment.dependencies", findings);
    grants::of_owned(spec.permissions.as_deref().unwrap_or_default(), "pipeline", findings);
}

/// A text that has to be one of a few, whatever its case.
fn one_of(at: &str, text: Option<&str>, all: &[&str], findings: &mut Findings) {
    let Some(text) = text.filter(|text| !is_deferred(text)) else { return };
    if all.iter().any(|one| one.eq_ignore_ascii_case(text)) {
        return;
    }
    let near = nearest(&text.to_lowercase(), all.iter().copied().filter(|one| one.contains('-')))
        .or_else(|| nearest(&text.to_uppercase(), all.iter().copied()));
    let list: Vec<String> = all.iter().map(|one| format!("`{one}`")).collect();
    let label = match near {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("expected one of {}", list.join(", ")),
    };
    let shown: String = text.chars().take(120).collect();
    findings.at(at, format!("`{}` is not known here", shown.escape_debug()), label);
}

/// A pipeline runs something: code, or an ingestion.
fn source(spec: &PipelineSpec, findings: &mut Findings) {
    let members = ["libraries", "ingestion_definition", "gateway_definition"];
    let is_there = [
        spec.libraries.as_ref().is_some_and(|list| !list.is_empty()),
        spec.ingestion_definition.is_some(),
        spec.gateway_definition.is_some(),
    ];
    if is_there == [false; 3] && members.iter().all(|member| findings.is_whole(member)) {
        let at = if spec.libraries.is_some() { "libraries" } else { "" };
        let help = "add `libraries` with the code, or an `ingestion_definition`";
        findings.at_with_help(at, "the pipeline has no source", "nothing says what it runs", help);
    }
    // databricks-sdk-py pipelines.IngestionPipelineDefinition: it cannot be used with libraries.
    let set: Vec<&str> = members.into_iter().zip(is_there).filter(|(_, on)| *on).map(|(name, _)| name).collect();
    for member in set.iter().skip(1) {
        findings.at(*member, format!("a pipeline has one of {}", set.join(" and ")), "remove all but one");
    }
    if let Some(ingestion) = &spec.ingestion_definition {
        let at = "ingestion_definition";
        if ingestion.connection_name.is_some() && ingestion.ingestion_gateway_id.is_some() {
            // Terraform provider, pipelines: they exclude each other.
            let label = "remove this or `connection_name`";
            findings.at(format!("{at}.ingestion_gateway_id"), "a source is reached in one way", label);
        }
        let has_objects = ingestion.objects.as_ref().is_some_and(|list| !list.is_empty());
        if !has_objects && findings.is_whole(&format!("{at}.objects")) {
            let path = if ingestion.objects.is_some() { format!("{at}.objects") } else { at.to_owned() };
            findings.at(path, "the ingestion has no objects", "name a table, a schema or a report in `objects`");
        }
        for (i, object) in ingestion.objects.iter().flatten().enumerate() {
            let set = [object.report.is_some(), object.schema.is_some(), object.table.is_some()];
            if set.iter().filter(|on| **on).count() != 1 && findings.is_whole(&format!("{at}.objects[{i}]")) {
                let label = "expected exactly one of report, schema and table";
                findings.at(format!("{at}.objects[{i}]"), "it is not clear what is ingested", label);
            }
        }
    }
}

/// Where tables go (Terraform provider, pipelines: `target` excludes `schema`, `storage` excludes `catalog`;
/// databricks-sdk-py pipelines.PipelineSpec: with a catalog and no schema nothing is published).
fn destination(spec: &PipelineSpec, findings: &mut Findings) {
    if spec.schema.is_some() && spec.target.is_some() {
        findings.at("target", "a pipeline has one of schema and target", "remove this: `schema` has replaced it");
    }
    if spec.storage.is_some() && spec.catalog.is_some() {
        let label = "remove this or `catalog`";
        findings.at("storage", "tables are in Unity Catalog or in a folder, not both", label);
    }
    if let Some(target) = spec.target.as_ref().filter(|target| target.contains('.') && !is_deferred(target)) {
        // The service's words (databricks/cli testserver, pipelines): "cannot contain spaces, periods, …".
        let what = format!("`{}` is no name of a schema", target.escape_debug());
        findings.at("target", what, "the catalog stands in `catalog`");
    }
    let has_schema = spec.schema.is_some() || spec.target.is_some();
    let whole = ["schema", "target", "catalog"].iter().all(|member| findings.is_whole(member));
    if spec.catalog.is_some() && !has_schema && whole && spec.gateway_definition.is_none() {
        let help = "add `schema`; without one, only what names its schema itself is published";
        findings.note("pipeline-schema", "catalog", "the pipeline has a catalog and no schema", "not published", help);
    }
    if spec.schema.is_some() && spec.catalog.is_none() && whole {
        let help = "add `catalog`; without one, what is published goes to the Hive metastore, or where the workspace says";
        findings.note("pipeline-catalog", "schema", "the pipeline has a schema and no catalog", "in no catalog", help);
    }
}

/// What starts updates.
fn started(spec: &PipelineSpec, findings: &mut Findings) {
    let Some(trigger) = &spec.trigger else { return };
    if spec.continuous == Some(true) {
        // databricks-sdk-py pipelines.PipelineSpec: continuous replaces trigger.
        findings.at("trigger", "a continuous pipeline is started by nothing", "remove this, or `continuous`");
    }
    if trigger.cron.is_some() && trigger.manual.is_some() {
        findings.at("trigger.manual", "a trigger has one of cron and manual", "remove this or `cron`");
    }
    if let Some(times) = &trigger.cron {
        let zone = times.timezone_id.as_deref().unwrap_or("UTC");
        if let Some(schedule) = &times.quartz_cron_schedule {
            cron(schedule, zone, ["trigger.cron.quartz_cron_schedule", "trigger.cron.timezone_id"], findings);
        }
    }
}

/// One piece of code (databricks-sdk-py pipelines.PipelineLibrary).
fn library(library: &PipelineLibrary, at: &str, findings: &mut Findings) {
    let set: Vec<&str> = [
        ("file", library.file.is_some()),
        ("glob", library.glob.is_some()),
        ("jar", library.jar.is_some()),
        ("maven", library.maven.is_some()),
        ("notebook", library.notebook.is_some()),
        ("whl", library.whl.is_some()),
    ]
    .into_iter()
    .filter_map(|(name, on)| on.then_some(name))
    .collect();
    if set.is_empty() && findings.is_whole(at) {
        let label = "expected one of file, glob, jar, maven, notebook and whl";
        findings.at(at, "this library names nothing", label);
    }
    for member in set.iter().skip(1) {
        findings.at(format!("{at}.{member}"), format!("a library has one of {}", set.join(" and ")), "write two");
    }
    let code = Checked { has_git: false };
    let paths = [
        ("file.path", library.file.as_ref().map(|one| &one.path)),
        ("notebook.path", library.notebook.as_ref().map(|one| &one.path)),
        ("glob.include", library.glob.as_ref().map(|one| &one.include)),
        ("jar", library.jar.as_ref()),
        ("whl", library.whl.as_ref()),
    ];
    for (member, path) in paths {
        if let Some(path) = path {
            code.path(path, format!("{at}.{member}"), findings);
        }
    }
    if let Some(glob) = &library.glob {
        // "a folder path that ends `/**`" (databricks-sdk-py pipelines.PipelineLibrary).
        let odd = glob.include.strip_suffix("/**").unwrap_or(&glob.include).contains('*');
        if odd && !is_deferred(&glob.include) {
            let label = "a `*` may only stand in a `/**` at the end";
            let shown: String = glob.include.chars().take(120).collect();
            findings.at(format!("{at}.glob.include"), format!("`{}` is no path", shown.escape_debug()), label);
        }
    }
}

/// The clusters of a pipeline.
fn clusters(spec: &PipelineSpec, findings: &mut Findings) {
    let clusters = spec.clusters.as_deref().unwrap_or_default();
    if spec.serverless == Some(true) && !clusters.is_empty() {
        // databricks-sdk-py pipelines.PipelineSpec: "Omit this field when serverless is true."
        findings.at("clusters", "a serverless pipeline has no clusters", "remove this, or `serverless: true`");
    }
    let labels = || clusters.iter().map(|cluster| cluster.label.as_str());
    for (i, label) in labels().enumerate() {
        one_of(&format!("clusters[{i}].label"), Some(label), &LABELS, findings);
    }
    for (i, label) in repeated(labels()) {
        let message = format!("clusters with the label `{label}` are there twice");
        findings.at(format!("clusters[{i}].label"), message, "merge them");
    }
    let has_default = labels().any(|label| label == "default" || is_deferred(label));
    if !clusters.is_empty() && !has_default && findings.is_whole("clusters") {
        // The service's words: "clusters must have exactly 1 default cluster" (Terraform provider issue 1401).
        findings.at("clusters", "no cluster has `label: default`", "one has to: it may have nothing but the label");
    }
    for (i, cluster) in clusters.iter().enumerate() {
        let at = format!("clusters[{i}]");
        if cluster.num_workers.is_some() && cluster.autoscale.is_some() {
            let message = "a cluster has a fixed size or scales by itself, not both";
            findings.at(format!("{at}.num_workers"), message, "remove this or `autoscale`");
        }
        limits::number(cluster.num_workers, 0, i64::from(i32::MAX), &format!("{at}.num_workers"), findings);
        if let Some(scale) = cluster.autoscale.as_ref().filter(|scale| scale.min_workers >= scale.max_workers) {
            // databricks-sdk-py pipelines.PipelineClusterAutoscale: strictly greater.
            let message = format!("{} is not less than max_workers, {}", scale.min_workers, scale.max_workers);
            findings.at(format!("{at}.autoscale.min_workers"), message, "");
        }
        let lists = [
            ("ssh_public_keys", cluster.ssh_public_keys.as_ref().map_or(0, Vec::len)),
            ("init_scripts", cluster.init_scripts.as_ref().map_or(0, Vec::len)),
        ];
        for (member, count) in lists {
            if count > 10 {
                findings.at(format!("{at}.{member}"), format!("{count} of them"), "a cluster takes 10 at most");
            }
        }
    }
}

/// Five hours of a day.
fn window(window: &TimeWindow, at: &str, findings: &mut Findings) {
    limits::number(Some(window.start_hour), 0, 23, &format!("{at}.start_hour"), findings);
    let days = window.days_of_week.iter().flatten().map(|day| json!(day).to_string());
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    let twice: BTreeSet<usize> =
        days.enumerate().filter_map(|(i, day)| seen.insert(day, i).is_some().then_some(i)).collect();
    for i in twice {
        findings.at(format!("{at}.days_of_week[{i}]"), "this day is there twice", "leave one");
    }
}
