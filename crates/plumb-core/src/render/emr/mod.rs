//! Showing an EMR inventory: as text, as JSON, as one page of HTML.

mod details;
mod html;
mod pictures;
#[cfg(test)]
mod tests;
mod text;

pub use html::html;
pub use text::text;

use crate::inventory::{Depends, Inventory, Nodes, Pipeline, SecurityConfiguration, Spread};
use crate::migrate::exit::{ExitCost, ExitReport, ExitTotals, ExitWave};
use jiff::Timestamp;
use std::collections::BTreeSet;

/// The inventory as JSON, one member a line. Texts in it are as they are in the account, secrets apart.
///
/// # Errors
/// It cannot be written as JSON.
pub fn json(report: &ExitReport) -> Result<String, serde_json::Error> {
    let mut text = super::json::shown(&serde_json::to_string_pretty(report)?);
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

/// What leaving takes, in a sentence or two.
fn summary(totals: &ExitTotals) -> String {
    if totals.pipelines == 0 {
        return "Nothing is on EMR that AWS still knows.".to_owned();
    }
    let mut parts = vec![format!("{} automatic", totals.automatic)];
    if totals.with_questions > 0 {
        parts.push(format!("{} with questions", totals.with_questions));
    }
    if totals.rewrite > 0 {
        parts.push(format!("{} to rewrite in part", totals.rewrite));
    }
    let unknown = totals.pipelines - totals.automatic - totals.with_questions - totals.rewrite;
    if unknown > 0 {
        parts.push(format!("{unknown} not known"));
    }
    let asked = if totals.questions > 0 {
        format!(" {} to answer.", super::counted(totals.questions, "question", "questions"))
    } else {
        String::new()
    };
    let past = if totals.support_ended > 0 {
        let are = if totals.support_ended == 1 { "is on a release" } else { "are on releases" };
        format!(" {} {are} whose standard support has ended.", totals.support_ended)
    } else {
        String::new()
    };
    format!("{}: {}.{asked}{past}", super::counted(totals.pipelines, "pipeline", "pipelines"), parts.join(", "))
}

/// `about 12 – 14 USD a run, 52 – 60 USD in the last 30 days`.
fn money(cost: &ExitCost) -> String {
    let amount = |of| format!("{} {}", super::cost::amount(of), cost.currency);
    let run = cost.run.map(|run| format!("about {} a run", amount(run)));
    let month = cost.month.map(|month| format!("about {} in the last 30 days", amount(month)));
    [run, month].into_iter().flatten().collect::<Vec<_>>().join(", ")
}

/// What a wave is made of: `3 pipelines, 1,204 hours, 5 questions, 1 to rewrite in part`.
fn wave(one: &ExitWave) -> String {
    let mut parts = vec![
        super::counted(one.pipelines.len(), "pipeline", "pipelines"),
        format!("{} hours", grouped(one.normalized_instance_hours)),
        super::counted(one.questions, "question", "questions"),
    ];
    if one.rewrite > 0 {
        parts.push(format!("{} to rewrite in part", one.rewrite));
    }
    parts.join(", ")
}

/// `1,204`.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// What stands in the place of what was not asked.
const NOT_ASKED: &str = "(not asked)";

/// Why a part of a pipeline is not known.
fn unknown(pipeline: &Pipeline) -> &'static str {
    if pipeline.described == 0 { NOT_ASKED } else { "(could not be read)" }
}

/// Of how many clusters the steps are known, where it is not all.
fn steps_read(pipeline: &Pipeline) -> String {
    match pipeline.steps_read {
        0 => NOT_ASKED.to_owned(),
        read if read == pipeline.clusters => String::new(),
        read => format!("of {} of {}", read, super::counted(pipeline.clusters, "cluster", "clusters")),
    }
}

/// Who uses a security configuration, as far as clusters were described.
fn users(inventory: &Inventory, one: &SecurityConfiguration) -> String {
    if !one.used_by.is_empty() {
        return one.used_by.join(", ");
    }
    let all_known = inventory.pipelines.iter().all(|pipeline| pipeline.described > 0);
    if all_known { "nobody" } else { "nobody that was described" }.to_owned()
}

/// What a pipeline is kept up by, in a few words.
fn life(pipeline: &Pipeline) -> String {
    let Some(stays_alive) = pipeline.stays_alive else { return unknown(pipeline).to_owned() };
    let mut parts = vec![if stays_alive { "stays alive without steps" } else { "ends after its steps" }.to_owned()];
    if let Some(seconds) = pipeline.auto_termination_seconds {
        parts.push(format!("ends when idle for {}", length(seconds)));
    }
    if pipeline.termination_protected == Some(true) {
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
