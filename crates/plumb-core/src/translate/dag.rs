//! The DAG that runs the jobs.

use super::account::{Ask, At, Book};
use super::application::parameter;
use super::context::OldDag;
use super::{TranslatedManifest, address, old_dag};
use crate::kinds::airflow::dag::AirflowDag;
use serde_json::{Map, Value, json};

/// A job that the DAG runs.
pub(super) struct DagJob {
    /// The name of its manifest.
    pub job: String,
    /// Airflow's expressions that its parameters stand for.
    pub templates: Vec<String>,
}

/// A DAG that runs the jobs. What starts it, and in which order they run, is not known to EMR; the old DAG may say it.
pub(super) fn dag(
    book: &mut Book,
    root: &At<'_>,
    name: &str,
    runs: &[DagJob],
    old: Option<&OldDag>,
) -> TranslatedManifest {
    let before = std::mem::replace(&mut book.document, address(AirflowDag::NAME, name).to_string());
    let mut spec = json!({ "paused": true, "max_active_runs": 1, "tags": ["migrated-from-emr"] });
    if let Some(old) = old {
        old_dag::take(book, root, &mut spec, old, name);
    }
    let ask = Ask {
        what: "when the DAG runs".into(),
        why: "EMR does not know what starts its clusters and steps: the old DAG, or whatever does, says it",
        options: &["its schedule, and a start_date that goes on where the old one ends", "nothing: people start it"],
        default: "no schedule, and paused",
        place: String::new(),
    };
    if old.is_none() {
        book.note(root, ask);
    }
    if runs.len() > 1 {
        let ask = Ask {
            what: "in which order the jobs run".into(),
            why: "EMR does not know what its runs wait for: the old DAG says it",
            options: &["all start together", "name what each waits for in `after`"],
            default: "all start together",
            place: "tasks".into(),
        };
        book.note(root, ask);
    }
    book.document = before;
    let mut tasks: Vec<Value> = Vec::new();
    for run in runs {
        let mut task = json!({ "id": run.job, "run": format!("${{resources.DatabricksJob.{}}}", run.job) });
        let parameters: Map<String, Value> = run
            .templates
            .iter()
            .map(|t| (parameter(t), json!(format!("{{{{ {t} }}}}").replace("${", "$${"))))
            .collect();
        if !parameters.is_empty() {
            task["params"] = json!({ "job_parameters": parameters });
        }
        tasks.push(task);
    }
    spec["tasks"] = Value::from(tasks);
    TranslatedManifest { address: address(AirflowDag::NAME, name), spec }
}
