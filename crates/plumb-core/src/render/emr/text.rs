//! The inventory as text.

use super::super::value::{columns, visible, wrapped};
use super::{
    argument, dependencies, head, length, life, minute, money, nodes, period, spread, steps_read, summary, unknown,
    users, wave,
};
use crate::inventory::support::{ReleaseSupport, SupportPhase};
use crate::inventory::{Depends, EmrApplication, Pipeline, PipelineStep};
use crate::migrate::exit::{ExitReport, ExitRow};
use crate::translate::LightReason;
use std::collections::BTreeMap;

/// How many runs and failures of a pipeline are listed; how many more there are is said.
const MOST: usize = 12;

/// The inventory for a terminal of that many columns.
pub fn text(report: &ExitReport, width: usize) -> String {
    let inventory = &report.inventory;
    let mut out = format!(
        "EMR of account {} in {}, read {} UTC\n\n{}\n{}\n",
        visible(&inventory.account),
        visible(&inventory.region),
        minute(inventory.read_at),
        head(inventory),
        period(inventory),
    );
    if !inventory.not_asked.says.is_empty() {
        out.push_str("Not all was asked, to keep requests few; what is not known for that stands at the end.\n");
    }
    if !report.ranking.is_empty() {
        out.push_str(&format!("{}\n\n", summary(&report.totals)));
        out.push_str(&table(report));
        out.push('\n');
        waves(&mut Block { out: &mut out, width }, report);
        if !report.team_questions.is_empty() {
            out.push_str("\nDecided once for all pipelines, by `spec.answers` of plumb.yaml, and not counted above:\n");
            let mut block = Block { out: &mut out, width };
            block.rows("", report.team_questions.iter().map(|what| format!("- {}", visible(what))));
        }
    }
    for row in &report.ranking {
        let of =
            |kind: &str, name: &str| row.of.strip_prefix(kind).and_then(|rest| rest.strip_prefix(' ')) == Some(name);
        let mut block = Block { out: &mut out, width };
        block.out.push('\n');
        if let Some(one) = inventory.pipelines.iter().find(|one| of("pipeline", &one.name)) {
            pipeline(&mut block, row, one);
        } else if let Some(one) = inventory.serverless.iter().find(|one| of("application", &one.id)) {
            application(&mut block, row, one);
        }
    }
    for one in &inventory.security_configurations {
        let mut block = Block { out: &mut out, width };
        block.out.push('\n');
        block.title("security configuration", &one.name);
        let users = users(inventory, one);
        block.row("used by", &if one.used_by.is_empty() { format!("({users})") } else { visible(&users) });
        block.row("says", &one.says.as_ref().map_or("(could not be read)".to_owned(), super::super::value::scalar));
    }
    if !inventory.not_asked.says.is_empty() {
        out.push_str("\nNot asked, and so not known:\n");
        for says in &inventory.not_asked.says {
            for (at, line) in wrapped(says, width.saturating_sub(4).max(40)).into_iter().enumerate() {
                out.push_str(&format!("  {} {line}\n", if at == 0 { '-' } else { ' ' }));
            }
        }
    }
    if !inventory.unread.is_empty() {
        out.push_str("\nNot read, and so not known:\n");
        for unread in &inventory.unread {
            let of = if unread.of.is_empty() { String::new() } else { format!(" of {}", unread.of.join(", ")) };
            out.push_str(&format!("  ! {}{}: {}\n", unread.what, visible(&of), visible(&unread.why)));
        }
    }
    out
}

/// How long a release is supported, in a cell.
fn support(support: &ReleaseSupport) -> String {
    match (support.phase, support.standard_until, support.extended_until) {
        (SupportPhase::Ended, ..) => "ended".to_owned(),
        (SupportPhase::Extended, _, Some(until)) => format!("extended to {until}"),
        (SupportPhase::Supported, Some(until), _) => format!("ends {until}"),
        _ => "unknown".to_owned(),
    }
}

/// One row a pipeline, the costliest first.
fn table(report: &ExitReport) -> String {
    let head = [
        "PIPELINE", "LIGHT", "HOURS", "RUNS", "FAILED", "LIVE", "MEDIAN", "SPOT", "RELEASE", "SUPPORT", "WAVE",
        "LAST RUN",
    ];
    let of: BTreeMap<String, &Pipeline> =
        report.inventory.pipelines.iter().map(|one| (format!("pipeline {}", one.name), one)).collect();
    let mut rows: Vec<Vec<String>> = vec![head.iter().map(|cell| (*cell).to_owned()).collect()];
    for row in &report.ranking {
        let one = of.get(&row.of);
        let dash = || "-".to_owned();
        rows.push(vec![
            visible(&row.name),
            row.light.as_ref().map_or_else(|| "not known".to_owned(), |light| light.says.clone()),
            row.hours.map_or_else(dash, |hours| hours.to_string()),
            row.runs.to_string(),
            row.failed.to_string(),
            one.map_or_else(dash, |one| one.live.to_string()),
            one.and_then(|one| one.duration.as_ref()).map_or_else(dash, |spread| length(spread.median)),
            one.map_or_else(dash, |one| one.spot_percent.map_or("?".to_owned(), |percent| format!("{percent} %"))),
            if row.support.release.is_empty() { dash() } else { visible(&row.support.release) },
            support(&row.support),
            row.wave.map_or_else(dash, |wave| wave.to_string()),
            one.and_then(|one| one.last_run).map_or_else(dash, minute),
        ]);
    }
    let widths: Vec<usize> =
        (0..head.len()).map(|at| rows.iter().map(|row| columns(&row[at])).max().unwrap_or(0)).collect();
    let mut out = String::new();
    for row in &rows {
        let cells: Vec<String> = row
            .iter()
            .zip(&widths)
            .map(|(cell, width)| format!("{cell}{}", " ".repeat(width - columns(cell))))
            .collect();
        out.push_str(cells.join("  ").trim_end());
        out.push('\n');
    }
    out
}

/// The proposed waves, and what ties the pipelines of each.
fn waves(block: &mut Block<'_>, report: &ExitReport) {
    let name: BTreeMap<&str, String> = report.ranking.iter().map(|row| (row.of.as_str(), visible(&row.name))).collect();
    let name = |of: &str| name.get(of).cloned().unwrap_or_default();
    block.out.push_str("Proposed waves: no path crosses from one to another\n");
    for one in &report.waves {
        let names: Vec<String> = one.pipelines.iter().map(|of| name(of)).collect();
        block.row(&format!("wave {}", one.number), &format!("{}: {}", wave(one), names.join(", ")));
        let inside = report.ties.iter().filter(|tie| one.pipelines.contains(&tie.from));
        for (at, tie) in inside.clone().take(MOST).enumerate() {
            let how = if tie.sure { "" } else { " (perhaps)" };
            let text = format!("{} > {}{how}: {}", name(&tie.from), name(&tie.to), visible(&tie.path));
            block.row(if at == 0 { "paths" } else { "" }, &text);
        }
        more(block, inside.count());
    }
}

/// Rows under a title. A label is at most as wide as its column.
struct Block<'o> {
    out: &'o mut String,
    width: usize,
}

const LABEL: usize = 14;

impl Block<'_> {
    fn title(&mut self, what: &str, name: &str) {
        self.out.push_str(&format!("# {what} {}\n", visible(name)));
    }

    /// `text` is fit to be shown.
    fn row(&mut self, label: &str, text: &str) {
        if text.is_empty() {
            return;
        }
        let room = self.width.saturating_sub(LABEL + 4).max(40);
        for (at, line) in wrapped(text, room).into_iter().enumerate() {
            let label = if at == 0 { label } else { "" };
            self.out.push_str(format!("  {label:<LABEL$}  {line}").trim_end());
            self.out.push('\n');
        }
    }

    fn rows<T: AsRef<str>>(&mut self, label: &str, texts: impl IntoIterator<Item = T>) {
        for (at, text) in texts.into_iter().enumerate() {
            self.row(if at == 0 { label } else { "" }, text.as_ref());
        }
    }

    fn depends(&mut self, depends: &Depends) {
        for (what, paths) in dependencies(depends) {
            self.rows(what, paths.iter().map(|path| visible(path)));
        }
    }
}

/// The light with its reasons, support and cost.
fn assessed(block: &mut Block<'_>, row: &ExitRow) {
    block.row("light", row.light.as_ref().map_or("not known", |light| light.says.as_str()));
    let line = |one: &LightReason| format!("- {}: {}", visible(&one.what), visible(&one.why));
    if let Some(light) = &row.light {
        block.rows("to rewrite", light.rewrite.iter().map(line));
        block.rows("to decide", light.questions.iter().map(line));
    }
    block.row("support", &format!("{}: {}", visible(&row.support.release), row.support.says));
    block.row("cost", &row.cost.as_ref().map(money).unwrap_or_default());
}

fn pipeline(block: &mut Block<'_>, row: &ExitRow, one: &Pipeline) {
    block.title("pipeline", &one.name);
    assessed(block, row);
    block.rows("named", one.patterns.iter().map(|pattern| visible(pattern)));
    let live = if one.live > 0 { format!(", {} live", one.live) } else { String::new() };
    let last = one.last_run.map(|time| format!(", last run {}", minute(time))).unwrap_or_default();
    block.row("clusters", &format!("{}{live}{last}", one.clusters));
    block.row("release", &visible(&one.releases.join(", ")));
    block.row(
        "applications",
        &one.applications.as_ref().map_or(unknown(one).to_owned(), |all| visible(&all.join(", "))),
    );
    match &one.nodes {
        Some(all) => block.rows("nodes", all.iter().map(|group| visible(&nodes(group)))),
        None => block.row("nodes", unknown(one)),
    }
    block.row("spot share", &one.spot_percent.map(|percent| format!("{percent} %")).unwrap_or_default());
    block.row("scaling", &one.managed_scaling.as_ref().map(super::super::value::scalar).unwrap_or_default());
    block.row("life", &life(one));
    match &one.tags {
        Some(tags) => block.rows("tags", tags.iter().map(|(key, value)| visible(&format!("{key}={value}")))),
        None => block.row("tags", unknown(one)),
    }
    let script = |action: &crate::inventory::Bootstrap| {
        let words = std::iter::once(&action.path).chain(&action.args).map(|word| argument(word));
        format!("{}: {}", visible(&action.name), words.collect::<Vec<_>>().join(" "))
    };
    match &one.bootstrap {
        Some(actions) => block.rows("bootstrap", actions.iter().map(script)),
        None => block.row("bootstrap", unknown(one)),
    }
    for configuration in one.configurations.iter().flatten() {
        let properties = configuration.properties.iter().map(|(name, value)| visible(&format!("{name}={value}")));
        block.row("configuration", &visible(&configuration.classification));
        block.rows("", properties.map(|property| format!("- {property}")));
    }
    block.row("security", &visible(one.security_configuration.as_deref().unwrap_or_default()));
    let roles = [&one.service_role, &one.instance_profile].into_iter().flatten().cloned().collect::<Vec<_>>();
    block.row("roles", &visible(&roles.join(", ")));
    block.row("steps", &steps_read(one));
    for one in one.steps.iter().flatten() {
        step(block, one);
    }
    block.row("took", &one.duration.as_ref().map(spread).unwrap_or_default());
    block.row("hours", &format!("{} normalised instance hours", one.normalized_instance_hours));
    for (at, run) in one.runs.iter().take(MOST).enumerate() {
        let took = run.seconds.map_or("-".to_owned(), length);
        let created = run.created.map_or("-".to_owned(), minute);
        let failed = match (run.failed_steps, run.steps) {
            (Some(failed), Some(steps)) if failed > 0 => format!(", {failed} of {steps} steps failed"),
            _ => String::new(),
        };
        let reason = run.reason.as_ref().map(|reason| format!(" ({reason})")).unwrap_or_default();
        let text = format!("{created}  {took}  {} {} {}{failed}{reason}", run.state, run.cluster, run.name);
        block.row(if at == 0 { "runs" } else { "" }, &visible(&text));
    }
    more(block, one.runs.len());
    for (at, failure) in one.failures.iter().take(MOST).enumerate() {
        let when = failure.at.map(|time| format!("{} ", minute(time))).unwrap_or_default();
        let step = failure.step.as_ref().map(|step| format!(" step {step}")).unwrap_or_default();
        let log = failure.log.as_ref().map(|log| format!("; log {log}")).unwrap_or_default();
        let text = format!("{when}{}{step}: {}{log}", failure.cluster, failure.reason);
        block.row(if at == 0 { "failures" } else { "" }, &visible(&text));
    }
    more(block, one.failures.len());
    if let Some(depends) = &one.depends {
        block.depends(depends);
    }
}

fn times(count: usize) -> String {
    super::super::counted(count, "time", "times")
}

fn more(block: &mut Block<'_>, all: usize) {
    if all > MOST {
        block.row("", &format!("… {} more, see --output json", all - MOST));
    }
}

fn step(block: &mut Block<'_>, one: &PipelineStep) {
    let failed = if one.failed > 0 { format!(", {} failed", one.failed) } else { String::new() };
    let took = one.duration.as_ref().map(|took| format!("; {}", spread(took))).unwrap_or_default();
    let state = format!("{} {}", one.last_state, one.action_on_failure);
    block.row("step", &visible(&format!("{}: {}{failed}, last {state}{took}", one.name, times(one.times))));
    let class = one.main_class.iter();
    let words: Vec<String> =
        std::iter::once(&one.jar).chain(class).chain(&one.args).map(|word| argument(word)).collect();
    block.row("", &format!("$ {}", words.join(" ")));
}

fn application(block: &mut Block<'_>, row: &ExitRow, one: &EmrApplication) {
    block.title("EMR Serverless application", &one.name);
    assessed(block, row);
    block.row("id", &visible(&format!("{} {}", one.id, one.state)));
    let architecture = one.architecture.as_deref().unwrap_or_default();
    block.row("release", &visible(&[&one.release, &one.kind, architecture].join(" ")));
    block.rows("at most", one.maximum.iter().map(|(what, value)| visible(&format!("{what} {value}"))));
    block.rows("tags", one.tags.iter().map(|(key, value)| visible(&format!("{key}={value}"))));
    let Some(jobs) = &one.jobs else { return block.row("jobs", "(could not be read)") };
    for job in jobs {
        let failed = if job.failed > 0 { format!(", {} failed", job.failed) } else { String::new() };
        let last = job.last_run.map(minute).unwrap_or_default();
        block.row(
            "job",
            &visible(&format!("{}: {}{failed}, last {} {last}", job.name, times(job.runs), job.last_state)),
        );
        let words = job.entry_point.iter().chain(&job.args).map(|word| argument(word)).collect::<Vec<_>>();
        block.row("", &format!("$ {}", words.join(" ")));
        block.row("", &visible(job.spark_parameters.as_deref().unwrap_or_default()));
        block.row("took", &job.duration.as_ref().map(spread).unwrap_or_default());
        block.row("failed", &visible(job.last_failure.as_deref().unwrap_or_default()));
        block.depends(&job.depends);
    }
}
