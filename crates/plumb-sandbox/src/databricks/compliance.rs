//! Policy compliance, API 2.0: clusters and jobs that violate a policy which was changed after they were made.
//!
//! Shapes are those of the Policy Compliance API references for clusters and for jobs.

use super::{
    cluster_rules::{self, ClusterType, Violation},
    clusters::{self, DatabricksClusterState},
    defaults, jobs, paging, policies, route, text,
};
use crate::{
    errors::{ApiError, Handled},
    request::Request,
    store::Store,
};
use serde_json::{Value, json};

/// Answers `policies/jobs/VERB` and, of `policies/clusters/VERB`, what is about compliance.
pub fn handle(store: &mut Store, request: &Request, kind: &str, verb: &str) -> Option<Handled> {
    Some(match (request.method.as_str(), kind, verb) {
        ("GET", "clusters", "get-compliance") => of_cluster(store, request),
        ("GET", "clusters", "list-compliance") => list_clusters(store, request),
        ("POST", "clusters", "enforce-compliance") => enforce_cluster(store, request),
        ("GET", "jobs", "get-compliance") => of_job(store, request),
        ("GET", "jobs", "list-compliance") => list_jobs(store, request),
        ("POST", "jobs", "enforce-compliance") => enforce_job(store, request),
        _ => return None,
    })
}

/// The violations of a spec; none where it names no policy.
fn violations(store: &Store, spec: &Value, cluster_type: ClusterType) -> Vec<Violation> {
    let definition = text(spec, "policy_id").and_then(|id| policies::definition(store, id).ok().flatten());
    definition.map_or_else(Vec::new, |definition| cluster_rules::violations(&definition, spec, cluster_type))
}

fn shown(violations: &[(String, Violation)]) -> Value {
    let by_path: serde_json::Map<String, Value> =
        violations.iter().map(|(path, violation)| (path.clone(), json!(violation.message))).collect();
    let mut answer = json!({ "is_compliant": violations.is_empty() });
    if !by_path.is_empty() {
        answer["violations"] = by_path.into();
    }
    answer
}

fn cluster_violations(store: &mut Store, id: &str) -> Result<Vec<(String, Violation)>, ApiError> {
    let spec = clusters::find(store, id)?.effective.clone();
    Ok(violations(store, &spec, ClusterType::AllPurpose).into_iter().map(|v| (v.path.clone(), v)).collect())
}

fn of_cluster(store: &mut Store, request: &Request) -> Handled {
    cluster_violations(store, &request.required("cluster_id")?).map(|found| shown(&found))
}

/// A page of a listing, by a whole number of the page.
fn page(request: &Request, name: &str, all: Vec<Value>) -> Handled {
    let size = paging::limit(request, "page_size", 20, 100)?;
    let number = paging::page_number(request.param("page_token").as_deref())?;
    let more = all.len() > (number + 1) * size;
    let mut answer: Value = paging::listing(name, all.into_iter().skip(number * size).take(size).collect()).into();
    answer["next_page_token"] = if more { paging::page_token(number + 1) } else { json!("") };
    answer["prev_page_token"] = if number > 0 { paging::page_token(number - 1) } else { json!("") };
    Ok(answer)
}

fn list_clusters(store: &mut Store, request: &Request) -> Handled {
    let policy = request.required("policy_id")?;
    let with = store.databricks.clusters.values().filter(|c| text(&c.effective, "policy_id") == Some(&policy));
    let ids: Vec<String> = with.map(|c| c.cluster_id.clone()).collect();
    let mut all = Vec::new();
    for id in ids {
        // One that is forgotten by now is not in any listing.
        let Ok(found) = cluster_violations(store, &id) else { continue };
        let mut one = shown(&found);
        one["cluster_id"] = json!(id);
        all.push(one);
    }
    page(request, "clusters", all)
}

fn said(value: Option<&Value>) -> String {
    value.map_or_else(String::new, |v| v.as_str().map_or_else(|| v.to_string(), str::to_owned))
}

fn change(field: &str, spec: &Value, violation: &Violation) -> Value {
    json!({
        "field": field,
        "previous_value": said(cluster_rules::get(spec, &violation.path)),
        "new_value": said(violation.remedy.as_ref()),
    })
}

fn enforce_cluster(store: &mut Store, request: &Request) -> Handled {
    let id = request.required("cluster_id")?;
    let cluster = clusters::find(store, &id)?.clone();
    // "A cluster can be updated if it is in a RUNNING or TERMINATED state" (Policy Compliance for Clusters).
    if !matches!(cluster.phase, DatabricksClusterState::Running | DatabricksClusterState::Terminated) {
        return Err(ApiError::state(format!("Cluster {id} is in unexpected state {:?}.", cluster.phase)));
    }
    let found = cluster_violations(store, &id)?;
    let changes: Vec<Value> = found.iter().map(|(field, v)| change(field, &cluster.effective, v)).collect();
    if !changes.is_empty() && !request.flag("validate_only") {
        let mut spec = cluster.requested.clone();
        for (_, violation) in found {
            cluster_rules::set(&mut spec, &violation.path, violation.remedy);
        }
        spec["cluster_id"] = json!(id);
        route(store, &Request::internal("POST", "/api/2.1/clusters/edit", &request.user, spec))?;
    }
    let mut answer = json!({ "has_changes": !changes.is_empty() });
    if !changes.is_empty() {
        answer["changes"] = changes.into();
    }
    Ok(answer)
}

/// Each cluster of a job, with the key of what it belongs to.
fn each(settings: &mut Value, f: &mut dyn FnMut(&str, &mut Value)) {
    for shared in settings.get_mut("job_clusters").and_then(Value::as_array_mut).into_iter().flatten() {
        let key = text(shared, "job_cluster_key").unwrap_or_default().to_owned();
        if let Some(spec) = shared.get_mut("new_cluster").filter(|s| s.is_object()) {
            f(&key, spec);
        }
    }
    defaults::each_task(settings, &mut |task| {
        let key = text(task, "task_key").unwrap_or_default().to_owned();
        if let Some(spec) = task.get_mut("new_cluster").filter(|s| s.is_object()) {
            f(&key, spec);
        }
    });
}

/// Paths are "prepended with the job cluster key" (Policy Compliance for Jobs).
fn job_violations(store: &Store, settings: &Value) -> Vec<(String, Violation)> {
    let mut found = Vec::new();
    each(&mut settings.clone(), &mut |key, spec| {
        let of_spec = violations(store, spec, ClusterType::Job).into_iter();
        found.extend(of_spec.map(|v| (format!("{key}.{}", v.path), v)));
    });
    found
}

fn of_job(store: &mut Store, request: &Request) -> Handled {
    let settings = jobs::find(store, request.required_number("job_id")?)?.settings.clone();
    Ok(shown(&job_violations(store, &settings)))
}

fn list_jobs(store: &mut Store, request: &Request) -> Handled {
    let policy = request.required("policy_id")?;
    let uses = |settings: &Value| {
        let mut uses = false;
        each(&mut settings.clone(), &mut |_, spec| uses |= text(spec, "policy_id") == Some(&policy));
        uses
    };
    let with = store.databricks.jobs.values().filter(|job| uses(&job.settings));
    let all = with.map(|job| {
        let mut one = shown(&job_violations(store, &job.settings));
        one["job_id"] = json!(job.job_id);
        one
    });
    page(request, "jobs", all.collect())
}

fn enforce_job(store: &mut Store, request: &Request) -> Handled {
    let id = request.required_number("job_id")?;
    let mut settings = jobs::find(store, id)?.settings.clone();
    let mut changes = Vec::new();
    each(&mut settings, &mut |key, spec| {
        for violation in violations(store, spec, ClusterType::Job) {
            changes.push(change(&format!("{key}.{}", violation.path), spec, &violation));
            cluster_rules::set(spec, &violation.path, violation.remedy);
        }
    });
    if !changes.is_empty() && !request.flag("validate_only") {
        let body = json!({ "job_id": id, "new_settings": settings });
        route(store, &Request::internal("POST", "/api/2.2/jobs/reset", &request.user, body))?;
    }
    let mut answer = json!({ "has_changes": !changes.is_empty() });
    if !changes.is_empty() {
        answer["job_cluster_changes"] = changes.into();
        answer["settings"] = settings;
    }
    Ok(answer)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Clock;

    fn ask(store: &mut Store, method: &str, path: &str, body: Value) -> Handled {
        route(store, &Request::internal(method, &format!("/api/{path}"), "me@example.com", body))
    }

    fn policy(store: &mut Store, definition: &Value) -> String {
        let body = json!({ "name": "p", "definition": definition.to_string() });
        let made = ask(store, "POST", "2.0/policies/clusters/create", body).unwrap();
        made["policy_id"].as_str().unwrap().to_owned()
    }

    fn tighten(store: &mut Store, id: &str) {
        let definition = json!({
            "custom_tags.team": { "type": "fixed", "value": "bau" },
            "num_workers": { "type": "range", "maxValue": 4 },
            "spark_conf.spark.x": { "type": "forbidden" },
            "node_type_id": { "type": "allowlist", "values": ["m5.large", "m5.xlarge"] },
        });
        let body = json!({ "policy_id": id, "name": "p", "definition": definition.to_string() });
        ask(store, "POST", "2.0/policies/clusters/edit", body).unwrap();
    }

    #[test]
    fn a_cluster_is_brought_into_line_with_a_policy_that_was_changed() {
        let mut store = Store::new(Clock::Fixed(0));
        let id = policy(&mut store, &json!({}));
        let spec = json!({
            "policy_id": id, "spark_version": "s", "node_type_id": "i3.xlarge", "num_workers": 9,
            "spark_conf": { "spark.x": "1" },
        });
        let cluster = ask(&mut store, "POST", "2.1/clusters/create", spec).unwrap()["cluster_id"].clone();
        let path = format!("2.0/policies/clusters/get-compliance?cluster_id={}", cluster.as_str().unwrap());
        assert_eq!(ask(&mut store, "GET", &path, Value::Null).unwrap(), json!({ "is_compliant": true }));
        tighten(&mut store, &id);
        let seen = ask(&mut store, "GET", &path, Value::Null).unwrap();
        let violated: Vec<&String> = seen["violations"].as_object().unwrap().keys().collect();
        assert_eq!(violated, ["custom_tags.team", "node_type_id", "num_workers", "spark_conf.spark.x"]);
        let list = format!("2.0/policies/clusters/list-compliance?policy_id={id}");
        let listed = ask(&mut store, "GET", &list, Value::Null).unwrap();
        assert_eq!(
            (&listed["clusters"][0]["cluster_id"], &listed["clusters"][0]["is_compliant"]),
            (&cluster, &json!(false))
        );
        let enforce = |only: bool| json!({ "cluster_id": cluster, "validate_only": only });
        let call = "2.0/policies/clusters/enforce-compliance";
        assert_eq!(ask(&mut store, "POST", call, enforce(false)).unwrap_err().body["error_code"], "INVALID_STATE");
        ask(&mut store, "GET", &format!("2.1/clusters/get?cluster_id={}", cluster.as_str().unwrap()), Value::Null)
            .unwrap();
        let tried = ask(&mut store, "POST", call, enforce(true)).unwrap();
        assert_eq!((&tried["has_changes"], tried["changes"].as_array().map(Vec::len)), (&json!(true), Some(4)));
        assert_eq!(ask(&mut store, "GET", &path, Value::Null).unwrap()["is_compliant"], false, "it was only tried");
        let done = ask(&mut store, "POST", call, enforce(false)).unwrap();
        assert_eq!(done["changes"][2], json!({ "field": "num_workers", "previous_value": "9", "new_value": "4" }));
        assert_eq!(ask(&mut store, "GET", &path, Value::Null).unwrap(), json!({ "is_compliant": true }));
    }

    #[test]
    fn the_clusters_of_a_job_are_looked_at_one_by_one() {
        let mut store = Store::new(Clock::Fixed(0));
        let id = policy(&mut store, &json!({}));
        let cluster = |workers: u32| json!({ "policy_id": id, "num_workers": workers, "node_type_id": "m5.large" });
        let body = json!({
            "job_clusters": [{ "job_cluster_key": "shared", "new_cluster": cluster(9) }],
            "tasks": [
                { "task_key": "a", "job_cluster_key": "shared" },
                { "task_key": "b", "new_cluster": cluster(1) },
            ],
        });
        let job = ask(&mut store, "POST", "2.2/jobs/create", body).unwrap()["job_id"].clone();
        tighten(&mut store, &id);
        let path = format!("2.0/policies/jobs/get-compliance?job_id={job}");
        let seen = ask(&mut store, "GET", &path, Value::Null).unwrap();
        // What a run writes into its cluster by itself is no violation of the job.
        let violated: Vec<&String> = seen["violations"].as_object().unwrap().keys().collect();
        assert_eq!(violated, ["shared.num_workers"]);
        let list = format!("2.0/policies/jobs/list-compliance?policy_id={id}");
        let listed = ask(&mut store, "GET", &list, Value::Null).unwrap();
        assert_eq!(listed["jobs"][0]["job_id"], job);
        let body = json!({ "job_id": job });
        let done = ask(&mut store, "POST", "2.0/policies/jobs/enforce-compliance", body.clone()).unwrap();
        assert_eq!(done["job_cluster_changes"][0]["new_value"], "4");
        assert_eq!(done["settings"]["job_clusters"][0]["new_cluster"]["num_workers"], 4);
        assert_eq!(ask(&mut store, "GET", &path, Value::Null).unwrap(), json!({ "is_compliant": true }));
        let again = ask(&mut store, "POST", "2.0/policies/jobs/enforce-compliance", body).unwrap();
        assert_eq!(again, json!({ "has_changes": false }));
    }
}
