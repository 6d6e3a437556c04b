//! `plumb targets`.

use super::output::{Output, PlainForm};
use super::{Global, session};
use crate::disk::Disk;
use crate::settings;
use crate::ui::{ExitCode, Failure, Ui};
use clap::Args;
use plumb_core::kinds;
use plumb_core::manifest::{self, Mode, Project, Target};
use plumb_core::render::value::visible;
use serde_json::{Value, json};

/// List the targets of the project
///
/// Only plumb.yaml is read: mistakes in manifests do not matter, nothing is sent, and no credential is shown.
#[derive(Args)]
#[command(after_help = "Examples:\n  plumb targets\n  plumb targets --output json")]
pub struct Targets {
    #[command(flatten)]
    output: Output<PlainForm>,
}

/// Lists the targets.
pub fn run(global: &Global, args: Targets, ui: &Ui) -> Result<ExitCode, Failure> {
    let dir = settings::project_dir(global.project.as_deref())
        .map_err(|e| Failure::error(e).hint("`plumb init` writes one"))?;
    let disk = Disk::new(&dir).map_err(|e| Failure::error(format!("{}: {e}", dir.display())))?;
    let project = manifest::project(&disk, kinds::all()).map_err(|failure| session::problems(&failure, ui))?;
    let text = match args.output.output {
        PlainForm::Text => table(&project),
        PlainForm::Json => {
            let all: Vec<Value> = project.targets.values().map(|target| as_json(&project, target)).collect();
            plumb_core::render::shown(&format!("{:#}\n", json!({"project": project.name, "targets": all})))
        }
    };
    args.output.write(&text, ui)?;
    Ok(ExitCode::Ok)
}

fn table(project: &Project) -> String {
    if project.targets.is_empty() {
        return "The project has no target: the smallest is `targets: {sandbox: {sandbox: true}}`\n".to_owned();
    }
    let row = |target: &Target| {
        let default = if is_default(project, target) { "yes" } else { "" };
        // Nothing in a sandbox is in production.
        let mode = if target.sandbox && target.mode == Mode::Production { "-" } else { mode(target) };
        [target.name.clone(), default.to_owned(), mode.to_owned(), systems(target).join(", ")]
    };
    let head = ["TARGET", "DEFAULT", "MODE", "SYSTEMS"].map(str::to_owned);
    let rows: Vec<[String; 4]> = std::iter::once(head).chain(project.targets.values().map(row)).collect();
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or_default();
    let (name, default, mode) = (width(0), width(1), width(2));
    let line = |row: &[String; 4]| {
        let text = format!("{:name$}  {:default$}  {:mode$}  {}", row[0], row[1], row[2], row[3]);
        format!("{}\n", visible(text.trim_end()))
    };
    rows.iter().map(line).collect()
}

fn as_json(project: &Project, target: &Target) -> Value {
    let mut all = json!({
        "name": target.name,
        "default": is_default(project, target),
        "mode": mode(target),
        "sandbox": target.sandbox,
        "variables": target.variables.keys().collect::<Vec<_>>(),
        "patches": target.patches,
    });
    if let Some(databricks) = &target.databricks {
        let host = databricks.host.as_deref().map(without_user);
        all["databricks"] =
            json!({"host": host, "profile": databricks.profile, "workspaceId": databricks.workspace_id});
    }
    if let Some(airflow) = &target.airflow {
        all["airflow"] =
            json!({"url": airflow.url.as_deref().map(without_user), "mwaa": airflow.mwaa, "dags": airflow.dags});
    }
    if let Some(emr) = &target.emr {
        all["emr"] = json!({"region": emr.region, "account": emr.account});
    }
    if let Some(git) = &target.git {
        all["git"] = json!({"branch": git.branch, "clean": git.clean});
    }
    all
}

/// Whether a command that names no target means this one.
fn is_default(project: &Project, target: &Target) -> bool {
    target.default || project.targets.len() == 1
}

fn mode(target: &Target) -> &'static str {
    match target.mode {
        Mode::Production => "production",
        Mode::Development => "development",
    }
}

/// What the target is, a phrase for each system.
fn systems(target: &Target) -> Vec<String> {
    let mut all = Vec::new();
    if target.sandbox {
        all.push("embedded sandbox".to_owned());
    }
    if let Some(databricks) = &target.databricks {
        let place = match (&databricks.host, &databricks.profile) {
            (Some(host), _) => without_user(host),
            (None, Some(profile)) => format!("profile {profile}"),
            (None, None) => "as the environment says".to_owned(),
        };
        all.push(format!("Databricks {place}"));
    }
    if let Some(airflow) = &target.airflow {
        let place = match (&airflow.mwaa, &airflow.url) {
            (Some(environment), _) => format!("MWAA {environment}"),
            (None, Some(url)) => without_user(url),
            (None, None) => "as AIRFLOW_URL says".to_owned(),
        };
        all.push(format!("Airflow {place}"));
    }
    if let Some(emr) = &target.emr {
        let place: Vec<&str> = [&emr.region, &emr.account].into_iter().flatten().map(String::as_str).collect();
        let place = if place.is_empty() { "as the environment says".to_owned() } else { place.join(" ") };
        all.push(format!("EMR {place}"));
    }
    if all.is_empty() {
        all.push("as the environment says".to_owned());
    }
    all
}

/// An address without the name and password that may stand in it, and without what is behind a `?`.
fn without_user(url: &str) -> String {
    let url = url.split(['?', '#']).next().unwrap_or_default();
    let (scheme, rest) = url.split_once("://").map_or(("", url), |(scheme, rest)| (scheme, rest));
    let end = rest.find('/').unwrap_or(rest.len());
    let host = rest[..end].rsplit('@').next().unwrap_or_default();
    let between = if scheme.is_empty() { "" } else { "://" };
    format!("{scheme}{between}{host}{}", &rest[end..])
}

#[cfg(test)]
mod tests {
    use super::without_user;

    #[test]
    fn an_address_shows_no_credential() {
        assert_eq!(without_user("https://ann:pw@host.example:8443/a?token=x"), "https://host.example:8443/a");
        assert_eq!(without_user("https://a@b:c@host/@x"), "https://host/@x");
        assert_eq!(without_user("ann:pw@host"), "host");
        assert_eq!(without_user("https://adb-1.azuredatabricks.net"), "https://adb-1.azuredatabricks.net");
    }
}
