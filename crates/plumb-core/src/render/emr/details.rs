//! A pipeline of the inventory as HTML: why its light is what it is, and all that is known of it.

use super::super::markup::html as safe;
use super::html::badge;
use super::{argument, dependencies, grouped, length, life, minute, money, nodes, spread, steps_read, unknown};
use crate::inventory::{Depends, EmrApplication, Pipeline};
use crate::migrate::exit::ExitRow;
use crate::translate::{Light, LightEffort, LightReason};

/// Texts as a list, left out when there are none.
pub(super) fn list<T: AsRef<str>>(items: impl IntoIterator<Item = T>) -> String {
    let items: Vec<String> =
        items.into_iter().map(|item| format!("<li><code>{}</code></li>", safe(item.as_ref()))).collect();
    if items.is_empty() { String::new() } else { format!("<ul>{}</ul>\n", items.join("")) }
}

/// A part of a block, left out when it is empty. `html` is safe.
fn row(out: &mut String, label: &str, html: &str) {
    if !html.is_empty() {
        out.push_str(&format!("<div><dt>{}</dt><dd>{html}</dd></div>\n", safe(label)));
    }
}

fn depends(out: &mut String, all: &Depends) {
    for (what, paths) in dependencies(all) {
        row(out, what, &list(paths));
    }
}

/// Why a light is what it is, in text.
fn why(light: &Light) -> String {
    let part = |title: &str, all: &[LightReason]| {
        let items: String = all
            .iter()
            .map(|one| format!("<li>{}; <span class=\"soft\">{}</span></li>", safe(&one.what), safe(&one.why)))
            .collect();
        if all.is_empty() {
            String::new()
        } else {
            format!("<div><strong>{title}</strong><ul class=\"any\">{items}</ul></div>\n")
        }
    };
    match light.effort {
        LightEffort::Automatic => "<p class=\"soft\">Translated whole, without a question of its own.</p>\n".to_owned(),
        _ => format!(
            "<div class=\"why\">{}{}</div>\n",
            part("To rewrite", &light.rewrite),
            part("To decide", &light.questions)
        ),
    }
}

/// What opens the block of a pipeline or an application.
fn open(out: &mut String, row: &ExitRow) {
    let hours = row.hours.map(|hours| format!("{} hours, ", grouped(hours))).unwrap_or_default();
    let failed = if row.failed > 0 { format!(", {} failed", row.failed) } else { String::new() };
    let wave = row.wave.map(|wave| format!(", wave {wave}")).unwrap_or_default();
    out.push_str(&format!(
        "<details class=\"pipeline\" id=\"p{}\">\n<summary>{}. <bdi>{}</bdi> {} <span class=\"soft\">{hours}{}{failed}{wave}</span></summary>\n",
        row.rank,
        row.rank,
        safe(&row.name),
        badge(row.light.as_ref(), false),
        super::super::counted(row.runs, "run", "runs"),
    ));
    out.push_str(&row.light.as_ref().map(why).unwrap_or_default());
    out.push_str("<dl>\n");
    let support = format!("{}: {}", row.support.release, row.support.says);
    self::row(out, "support", &safe(&support));
    if let Some(cost) = &row.cost {
        self::row(out, "cost", &format!("{}{}", safe(&money(cost)), list(&cost.reasons)));
    }
}

/// All that is known of a pipeline.
pub(super) fn pipeline(out: &mut String, row_of: &ExitRow, one: &Pipeline) {
    open(out, row_of);
    row(out, "named", &list(&one.patterns));
    row(out, "releases", &safe(&one.releases.join(", ")));
    let unknown = || safe(unknown(one));
    row(out, "applications", &one.applications.as_ref().map_or_else(unknown, |all| safe(&all.join(", "))));
    let all = one.nodes.as_ref().map_or_else(unknown, |all| list(all.iter().map(nodes)));
    row(out, "nodes", &all);
    row(out, "scaling", &one.managed_scaling.as_ref().map(|policy| safe(&policy.to_string())).unwrap_or_default());
    row(out, "life", &safe(&life(one)));
    let tags = one.tags.as_ref();
    row(out, "tags", &tags.map_or_else(unknown, |tags| list(tags.iter().map(|(key, value)| format!("{key}={value}")))));
    let script = |one: &crate::inventory::Bootstrap| format!("{}: {} {}", one.name, one.path, words(&one.args));
    let scripts = one.bootstrap.as_ref();
    row(out, "bootstrap", &scripts.map_or_else(unknown, |all| list(all.iter().map(script))));
    for configuration in one.configurations.iter().flatten() {
        let properties = configuration.properties.iter().map(|(name, value)| format!("{name}={value}"));
        row(out, &configuration.classification, &list(properties));
    }
    row(out, "security", &safe(one.security_configuration.as_deref().unwrap_or_default()));
    row(out, "steps", &safe(&steps_read(one)));
    for step in one.steps.iter().flatten() {
        let took = step.duration.as_ref().map(spread).unwrap_or_default();
        let text = format!(
            "{}<br><code>{}</code><br>{} times, {} failed, last {}, {} {}",
            safe(&step.name),
            safe(&format!("{} {} {}", step.jar, step.main_class.as_deref().unwrap_or_default(), words(&step.args))),
            step.times,
            step.failed,
            safe(&step.last_state),
            safe(&step.action_on_failure),
            safe(&took),
        );
        row(out, "step", &text);
    }
    row(out, "took", &safe(&one.duration.as_ref().map(spread).unwrap_or_default()));
    row(out, "hours", &format!("{} normalised instance hours", one.normalized_instance_hours));
    let run = |run: &crate::inventory::ClusterRun| {
        let took = run.seconds.map(length).unwrap_or_default();
        let reason = run.reason.as_deref().unwrap_or_default();
        format!(
            "{} {took} {} {} {} {reason}",
            run.created.map(minute).unwrap_or_default(),
            run.state,
            run.cluster,
            run.name
        )
    };
    row(out, "runs", &list(one.runs.iter().map(run)));
    let failure = |one: &crate::inventory::EmrFailure| {
        let (at, step) = (one.at.map(minute).unwrap_or_default(), one.step.as_deref().unwrap_or_default());
        format!("{at} {} {step}: {} {}", one.cluster, one.reason, one.log.as_deref().unwrap_or_default())
    };
    row(out, "failures", &list(one.failures.iter().map(failure)));
    if let Some(all) = &one.depends {
        depends(out, all);
    }
    out.push_str("</dl>\n</details>\n");
}

fn words(args: &[String]) -> String {
    args.iter().map(|arg| argument(arg)).collect::<Vec<_>>().join(" ")
}

/// All that is known of an application of EMR Serverless.
pub(super) fn application(out: &mut String, row_of: &ExitRow, one: &EmrApplication) {
    open(out, row_of);
    row(out, "id", &safe(&one.id));
    row(out, "state", &safe(&one.state));
    row(out, "release", &safe(&format!("{} {}", one.release, one.kind)));
    row(out, "at most", &list(one.maximum.iter().map(|(what, value)| format!("{what} {value}"))));
    row(out, "tags", &list(one.tags.iter().map(|(key, value)| format!("{key}={value}"))));
    for job in one.jobs.iter().flatten() {
        let took = job.duration.as_ref().map(spread).unwrap_or_default();
        let line = format!(
            "{} {} {}",
            job.spark_parameters.as_deref().unwrap_or_default(),
            job.entry_point.as_deref().unwrap_or_default(),
            words(&job.args)
        );
        let text = format!(
            "{}<br><code>{}</code><br>{} runs, {} failed, last {}, {}",
            safe(&job.name),
            safe(&line),
            job.runs,
            job.failed,
            safe(&job.last_state),
            safe(&took)
        );
        row(out, "job", &text);
        row(out, "failed", &safe(job.last_failure.as_deref().unwrap_or_default()));
        depends(out, &job.depends);
    }
    if one.jobs.is_none() {
        row(out, "jobs", "(could not be read)");
    }
    out.push_str("</dl>\n</details>\n");
}
