use crate::kinds;
use crate::manifest::{Desired, InMemory, Request, load, warnings};
use std::collections::BTreeMap;

const PROJECT: &str = "apiVersion: plumb/v1\nkind: Project\nmetadata: {name: bau}\nspec: {targets: {prod: {}}}\n";

fn desired(manifests: &str) -> Desired {
    let files = BTreeMap::from([
        ("plumb.yaml".to_owned(), PROJECT.as_bytes().to_vec()),
        ("manifests/all.yaml".to_owned(), manifests.as_bytes().to_vec()),
    ]);
    let request = Request { target: None, variables: Default::default(), env: &|_| None, user: None };
    load(&InMemory(files), &request, kinds::all()).unwrap_or_else(|e| panic!("{:?}", e.problems))
}

/// `LINE: message`, of the warnings about logs.
fn told(manifests: &str) -> Vec<String> {
    let desired = desired(manifests);
    let of_logs = warnings(&desired, &|_| None).into_iter().filter(|(rule, _)| *rule == "log-delivery");
    let line = |problem: &plumb_model::yaml::Problem| desired.files.position(problem.span.unwrap()).0;
    of_logs.map(|(_, problem)| format!("{}: {}", line(&problem), problem.message)).collect()
}

fn job(clusters: &[&str]) -> String {
    let mut text = "apiVersion: plumb/v1\nkind: DatabricksJob\nmetadata: {name: etl}\nspec:\n  tasks:\n".to_owned();
    for (number, cluster) in clusters.iter().enumerate() {
        text.push_str(&format!(
            "    - task_key: t{number}\n      notebook_task: {{notebook_path: /x}}\n      new_cluster:\n        \
             {{spark_version: 15.4.x-scala2.12, node_type_id: m5.xlarge, num_workers: 1{cluster}}}\n"
        ));
    }
    text
}

const LOGS: &str = ", cluster_log_conf: {volumes: {destination: /Volumes/ops/bau/logs}}";

#[test]
fn a_job_whose_logs_go_nowhere_is_warned_of_once() {
    assert_eq!(told(&job(&[""])), ["9: DatabricksJob/etl has a cluster that delivers its logs nowhere"]);
    let three = job(&[LOGS, "", ""]);
    assert_eq!(told(&three), ["13: DatabricksJob/etl has 2 clusters that deliver their logs nowhere"]);
    assert!(told(&job(&[LOGS, LOGS])).is_empty());
    // Serverless tasks and all-purpose clusters have none of their own.
    let serverless = "apiVersion: plumb/v1\nkind: DatabricksJob\nmetadata: {name: etl}\nspec:\n  tasks:\n    - \
                      {task_key: t, notebook_task: {notebook_path: /x}}\n";
    assert!(told(serverless).is_empty());
}

#[test]
fn a_policy_of_the_manifests_may_say_where_logs_go() {
    let policed = |rule: &str, cluster: &str| {
        let policy = format!(
            "---\napiVersion: plumb/v1\nkind: DatabricksClusterPolicy\nmetadata: {{name: jobs}}\nspec:\n  name: jobs\n  \
             definition:\n    {rule}\n"
        );
        told(&(job(&[&format!(", policy_id: \"${{resources.DatabricksClusterPolicy.jobs}}\"{cluster}")]) + &policy))
            .len()
    };
    assert_eq!(policed("cluster_log_conf.path: {type: fixed, value: \"dbfs:/logs\"}", ""), 0);
    assert_eq!(policed("spark_version: {type: fixed, value: 15.4.x-scala2.12}", ""), 1);
    let default = "cluster_log_conf.path: {type: unlimited, defaultValue: \"dbfs:/logs\"}";
    assert_eq!(policed(default, ""), 1);
    assert_eq!(policed(default, ", apply_policy_default_values: true"), 0);
    // Nobody here knows what a policy says that is not in the manifests.
    assert_eq!(told(&job(&[", policy_id: ABC0123456789"])).len(), 1);
}
