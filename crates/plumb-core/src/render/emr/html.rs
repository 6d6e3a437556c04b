//! The inventory as one page of HTML that needs nothing else: no script, no address that is loaded.

use super::super::markup::{html as safe, page};
use super::{argument, dependencies, failed, head, length, life, minute, nodes, period, spread};
use crate::inventory::{Depends, EmrApplication, Inventory, Pipeline};

const STYLE: &str = "body{font:15px/1.45 system-ui,sans-serif;margin:2rem auto;max-width:75rem;padding:0 1rem;color:#1a1a1a}\
table{border-collapse:collapse;width:100%;margin:.5rem 0}th,td{text-align:left;vertical-align:top;padding:.25rem .6rem;\
border-bottom:1px solid #ddd}th{white-space:nowrap}code{overflow-wrap:anywhere}details{margin:.5rem 0}\
summary{cursor:pointer;font-weight:600}.bad{color:#b00020}.note{color:#555}ul{margin:.2rem 0;padding-left:1.2rem}";

/// The whole page.
pub fn html(inventory: &Inventory) -> String {
    let title = format!("EMR of account {} in {}", inventory.account, inventory.region);
    let mut out = page(&title, STYLE);
    out.push_str(&format!(
        "<h1>{}</h1>\n<p>{}. Read {} UTC.</p>\n<p class=\"note\">{}</p>\n",
        safe(&title),
        safe(&head(inventory)),
        minute(inventory.read_at),
        safe(&period(inventory)),
    ));
    if !inventory.unread.is_empty() {
        let say = |one: &crate::inventory::UnreadPart| format!("{} {}: {}", one.what, one.of.join(", "), one.why);
        out.push_str("<p class=\"bad\">Not read, and so not known:</p>\n");
        out.push_str(&list(inventory.unread.iter().map(say)));
    }
    out.push_str("<h2>Pipelines</h2>\n");
    out.push_str(&overview(&inventory.pipelines));
    for one in &inventory.pipelines {
        pipeline(&mut out, one);
    }
    if !inventory.serverless.is_empty() {
        out.push_str("<h2>EMR Serverless</h2>\n");
    }
    for one in &inventory.serverless {
        application(&mut out, one);
    }
    if !inventory.security_configurations.is_empty() {
        out.push_str("<h2>Security configurations</h2>\n<table>\n");
        for one in &inventory.security_configurations {
            let says = one.says.as_ref().map_or("(could not be read)".to_owned(), ToString::to_string);
            let used = format!(
                "used by: {}",
                if one.used_by.is_empty() { "nobody".to_owned() } else { one.used_by.join(", ") }
            );
            row(&mut out, &one.name, &format!("{}<br><code>{}</code>", safe(&used), safe(&says)));
        }
        out.push_str("</table>\n");
    }
    out.push_str("</body>\n</html>\n");
    out
}

fn list<T: AsRef<str>>(items: impl IntoIterator<Item = T>) -> String {
    let items: Vec<String> =
        items.into_iter().map(|item| format!("<li><code>{}</code></li>", safe(item.as_ref()))).collect();
    if items.is_empty() { String::new() } else { format!("<ul>{}</ul>\n", items.join("")) }
}

/// A row of a table, left out when it is empty. `html` is safe.
fn row(out: &mut String, label: &str, html: &str) {
    if !html.is_empty() {
        out.push_str(&format!("<tr><th>{}</th><td>{html}</td></tr>\n", safe(label)));
    }
}

fn overview(pipelines: &[Pipeline]) -> String {
    let mut out = String::from(
        "<table>\n<tr><th>Pipeline</th><th>Clusters</th><th>Live</th><th>Release</th><th>Spot</th><th>Median</th>\
         <th>Hours</th><th>Failed</th><th>Last run</th></tr>\n",
    );
    for one in pipelines {
        let cells = [
            one.name.clone(),
            one.clusters.to_string(),
            one.live.to_string(),
            one.releases.join(", "),
            one.spot_percent.map_or("?".to_owned(), |percent| format!("{percent} %")),
            one.duration.as_ref().map(|took| length(took.median)).unwrap_or_default(),
            one.normalized_instance_hours.to_string(),
            failed(one).to_string(),
            one.last_run.map(minute).unwrap_or_default(),
        ];
        let cells: Vec<String> = cells.iter().map(|cell| format!("<td>{}</td>", safe(cell))).collect();
        out.push_str(&format!("<tr>{}</tr>\n", cells.join("")));
    }
    out + "</table>\n"
}

fn depends(out: &mut String, all: &Depends) {
    for (what, paths) in dependencies(all) {
        row(out, what, &list(paths));
    }
}

fn pipeline(out: &mut String, one: &Pipeline) {
    out.push_str(&format!("<details>\n<summary>{}</summary>\n<table>\n", safe(&one.name)));
    row(out, "named", &list(&one.patterns));
    row(out, "releases", &safe(&one.releases.join(", ")));
    row(out, "applications", &safe(&one.applications.join(", ")));
    let all = one.nodes.as_ref().map_or_else(|| safe("(could not be read)"), |all| list(all.iter().map(nodes)));
    row(out, "nodes", &all);
    row(out, "scaling", &one.managed_scaling.as_ref().map(|policy| safe(&policy.to_string())).unwrap_or_default());
    row(out, "life", &safe(&life(one)));
    row(out, "tags", &list(one.tags.iter().map(|(key, value)| format!("{key}={value}"))));
    let script = |one: &crate::inventory::Bootstrap| format!("{}: {} {}", one.name, one.path, words(&one.args));
    let scripts = one.bootstrap.as_ref();
    row(out, "bootstrap", &scripts.map_or_else(|| safe("(could not be read)"), |all| list(all.iter().map(script))));
    for configuration in &one.configurations {
        let properties = configuration.properties.iter().map(|(name, value)| format!("{name}={value}"));
        row(out, &configuration.classification, &list(properties));
    }
    row(out, "security", &safe(one.security_configuration.as_deref().unwrap_or_default()));
    for step in &one.steps {
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
    depends(out, &one.depends);
    out.push_str("</table>\n</details>\n");
}

fn words(args: &[String]) -> String {
    args.iter().map(|arg| argument(arg)).collect::<Vec<_>>().join(" ")
}

fn application(out: &mut String, one: &EmrApplication) {
    out.push_str(&format!("<details>\n<summary>{} ({})</summary>\n<table>\n", safe(&one.name), safe(&one.id)));
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
    out.push_str("</table>\n</details>\n");
}
