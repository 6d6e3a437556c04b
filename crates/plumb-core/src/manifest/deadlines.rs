//! Deadlines of DAGs that the target's Airflow does not watch as they are meant: what can be told without asking it.

use super::{Desired, Resource};
use crate::kinds::airflow::dag::AirflowDag;
use crate::kinds::airflow::dag_deadline::AirflowRelease;
use crate::kinds::airflow::dag_spec::DagSpec;
use plumb_model::schema::Path;
use plumb_model::yaml::{Node, Problems};
use serde_json::Value;

/// Each deadline that the Airflow of the target does not watch as it is meant. Where nothing says which Airflow that is, one
/// finding for all of them: it says what each release does.
pub(super) fn unwatched(desired: &Desired) -> Problems {
    let mut problems = Problems::default();
    let target = &desired.target;
    // The emulator is of a release that watches them.
    let Some(airflow) = target.airflow.as_ref().filter(|_| !target.sandbox) else { return problems };
    let dags = desired.resources.iter().filter(|one| one.address.kind == AirflowDag::NAME);
    let with_deadline: Vec<&Resource> =
        dags.filter(|dag| dag.spec.get("deadline").is_some_and(Value::is_string)).collect();
    let said = airflow.version.as_deref().and_then(AirflowRelease::read);
    let of_api = || (airflow.api.as_deref() == Some("v1")).then(|| AirflowRelease::of_major(2));
    let at = |dag: &Resource| dag.locate(&Path::default().key("deadline"));
    match (said.or_else(of_api), with_deadline.split_first()) {
        (_, None) => {}
        (Some(release), Some(_)) if release.major != 3 || release.minor.is_some() => {
            for dag in with_deadline {
                let spec: Option<DagSpec> = serde_json::from_value(dag.spec.to_value()).ok();
                if let Some(says) = spec.and_then(|spec| release.warns(&spec)) {
                    problems.at(at(dag), says, format!("of {}, in target {}", dag.address, target.name));
                }
            }
        }
        (_, Some((first, more))) => {
            let of = match more.len() {
                0 => format!("of {}", first.address),
                more => format!("of {} and {more} more", first.address),
            };
            problems
                .at(
                    at(first),
                    "whether a deadline is watched depends on the Airflow: 3.1 and later call `deadline_callback`, 3.0 does \
                     nothing, 2 takes it as the SLA of scheduled runs and calls nothing",
                    of,
                )
                .help(format!(
                    "say which one target {} has: `airflow: {{version: \"3.1\"}}`; a plan asks it, and says what it does",
                    target.name
                ));
        }
    }
    problems
}

/// Reports what a target says of its Airflow's version and cannot be.
pub(super) fn of_target(airflow: &Node, problems: &mut Problems) {
    let Some((node, version)) = airflow.get("version").and_then(|node| Some((node, node.as_str()?))) else { return };
    if version.contains("${") {
        return;
    }
    let Some(release) = AirflowRelease::read(version) else {
        problems.at(node.span, format!("`{version}` is no version of Airflow"), "expected `3.1` or `2.11.2`");
        return;
    };
    let api = airflow.get("api").and_then(Node::as_str).unwrap_or_default();
    if (api == "v1" && release.major > 2) || (api == "v2" && release.major < 3) {
        let of = if api == "v1" { "2" } else { "3" };
        problems.at(node.span, format!("`api: {api}` is the REST API of Airflow {of}"), "correct one of them");
    }
}
