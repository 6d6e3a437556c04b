//! The DAG that runs the jobs.

use super::account::{Ask, At, Book};
use super::application::parameter;
use super::{Document, address};
use serde_json::{Map, Value, json};

/// A job that the DAG runs.
pub(super) struct Run {
    /// The name of its manifest.
    pub job: String,
    /// Airflow's expressions that its parameters stand for.
    pub templates: Vec<String>,
}

/// A DAG that runs the jobs one after the other. What starts it is not known to EMR.
pub(super) fn dag(book: &mut Book, root: &At<'_>, name: &str, runs: &[Run]) -> Document {
    let before = std::mem::replace(&mut book.document, address("AirflowDag", name).to_string());
    let ask = Ask {
        what: "when the DAG runs".into(),
        why: "EMR does not know what starts its clusters and steps: the old DAG, or whatever does, says it",
        options: &["its schedule and start_date, once the old one is paused", "nothing: people start it"],
        default: "no schedule, and paused",
        place: String::new(),
    };
    book.note(root, ask);
    book.document = before;
    let mut tasks: Vec<Value> = Vec::new();
    for run in runs {
        let mut task = json!({ "id": run.job, "run": format!("${{resources.DatabricksJob.{}}}", run.job) });
        if let Some(last) = tasks.last() {
            task["after"] = json!([last["id"]]);
        }
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
    let spec = json!({ "paused": true, "max_active_runs": 1, "tags": ["migrated-from-emr"], "tasks": tasks });
    Document { address: address("AirflowDag", name), spec }
}
