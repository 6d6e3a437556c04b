//! Showing an EMR inventory: as text, as JSON, as one page of HTML.

mod html;
mod text;

pub use html::html;
pub use text::text;

use crate::inventory::{Depends, Inventory, Nodes, Pipeline, Spread};
use jiff::Timestamp;
use std::collections::BTreeSet;

/// The inventory as JSON, one member a line. Texts in it are as they are in the account, secrets apart.
pub fn json(inventory: &Inventory) -> Result<String, serde_json::Error> {
    let mut text = super::json::shown(&serde_json::to_string_pretty(inventory)?);
    text.push('\n');
    Ok(text)
}

/// What the account is made of, in a line.
fn head(inventory: &Inventory) -> String {
    format!(
        "{} of {}, {}, {}",
        super::counted(inventory.pipelines.len(), "pipeline", "pipelines"),
        super::counted(inventory.clusters, "cluster", "clusters"),
        super::counted(inventory.serverless.len(), "EMR Serverless application", "EMR Serverless applications"),
        super::counted(inventory.security_configurations.len(), "security configuration", "security configurations"),
    )
}

/// What time the inventory is about.
fn period(inventory: &Inventory) -> String {
    let since = inventory.since.map(|since| format!("Clusters created since {}. ", minute(since)));
    since.unwrap_or_default() + "AWS forgets a terminated cluster after about two months: older runs are not in here."
}

/// `2026-10-01 04:00`, in UTC.
fn minute(time: Timestamp) -> String {
    time.strftime("%Y-%m-%d %H:%M").to_string()
}

/// `42 s`, `12 min`, `3 h 05 min`.
fn length(seconds: u64) -> String {
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3600 => format!("{} min", seconds / 60),
        _ => format!("{} h {:02} min", seconds / 3600, seconds % 3600 / 60),
    }
}

/// `median 1 h 02 min, p90 1 h 30 min, 20 min to 1 h 31 min, of 12`.
fn spread(spread: &Spread) -> String {
    if spread.count == 1 {
        return format!("{}, once", length(spread.median));
    }
    let (median, p90) = (length(spread.median), length(spread.p90));
    let (least, most) = (length(spread.shortest), length(spread.longest));
    format!("median {median}, p90 {p90}, {least} to {most}, of {}", spread.count)
}

/// `CORE 4 x r5.2xlarge, 400 GiB each`.
fn nodes(nodes: &Nodes) -> String {
    let unit = if nodes.fleet { "units of" } else { "x" };
    let mut counts = Vec::new();
    if nodes.on_demand > 0 || nodes.spot == 0 {
        counts.push(format!("{} on demand", nodes.on_demand));
    }
    if nodes.spot > 0 {
        counts.push(format!("{} spot", nodes.spot));
    }
    let storage = if nodes.ebs_gib > 0 { format!(", EBS {} GiB each", nodes.ebs_gib) } else { String::new() };
    let scales = if nodes.scales { ", scales automatically" } else { "" };
    format!("{} {} {unit} {}{storage}{scales}", nodes.role, counts.join(" + "), nodes.types.join(" | "))
}

/// How many runs of a pipeline failed, or had a step that did.
fn failed(pipeline: &Pipeline) -> usize {
    let failed = |run: &&crate::inventory::ClusterRun| run.failed_steps > 0 || run.state == "TERMINATED_WITH_ERRORS";
    pipeline.runs.iter().filter(failed).count()
}

/// What a pipeline is kept up by, in a few words.
fn life(pipeline: &Pipeline) -> String {
    let mut parts =
        vec![if pipeline.stays_alive { "stays alive without steps" } else { "ends after its steps" }.to_owned()];
    if let Some(seconds) = pipeline.auto_termination_seconds {
        parts.push(format!("ends when idle for {}", length(seconds)));
    }
    if pipeline.termination_protected {
        parts.push("protected against termination".to_owned());
    }
    parts.join(", ")
}

/// What a pipeline depends on, by what it does with it.
fn dependencies(depends: &Depends) -> Vec<(&'static str, &BTreeSet<String>)> {
    let all = [
        ("code", &depends.code),
        ("reads", &depends.reads),
        ("writes", &depends.writes),
        ("logs to", &depends.logs),
        ("mentions", &depends.mentions),
        ("uses", &depends.services),
    ];
    all.into_iter().filter(|(_, paths)| !paths.is_empty()).collect()
}

/// An argument as a shell would want it, as far as a reader needs.
fn argument(arg: &str) -> String {
    let plain = !arg.is_empty() && arg.chars().all(|c| !c.is_whitespace() && !matches!(c, '"' | '\'' | '\\'));
    if plain { super::value::visible(arg) } else { super::value::quoted(arg) }
}
