//! The clusters that a job starts for its runs.

use plumb_model::schema::{Path, Segment};
use serde_json::Value;

/// The specs of the clusters of a job, with their places in it: those that tasks share, then those of single tasks.
pub(crate) fn own_clusters(job: &Value) -> Vec<(Path, &Value)> {
    let list = |name: &str| job.get(name).and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let item = |list: &str, key: &Value| Some(Path::default().key(list).with(Segment::Item(key.as_str()?.to_owned())));
    let mut places = Vec::new();
    for shared in list("job_clusters") {
        places.extend(item("job_clusters", &shared["job_cluster_key"]).map(|at| (at, shared)));
    }
    for task in list("tasks") {
        let Some(at) = item("tasks", &task["task_key"]) else { continue };
        let inner = task.pointer("/for_each_task/task").map(|inner| (at.key("for_each_task").key("task"), inner));
        places.push((at, task));
        places.extend(inner);
    }
    let clusters = places.into_iter().map(|(at, of)| (at.key("new_cluster"), &of["new_cluster"]));
    clusters.filter(|(_, spec)| spec.is_object()).collect()
}
