use crate::kinds;
use crate::manifest::{Desired, InMemory, Request, load, warnings};
use serde_json::json;
use std::collections::BTreeMap;

fn loaded(variables: &str, spec: &str) -> Result<Desired, Vec<String>> {
    let project = format!(
        "apiVersion: plumb/v1\nkind: Project\nmetadata: {{name: demo}}\nspec:\n  variables: {variables}\n  targets: {{main: {{}}}}\n"
    );
    let manifest =
        format!("apiVersion: plumb/v1\nkind: DatabricksJob\nmetadata: {{name: a}}\nspec:\n  name: a\n{spec}");
    let files = [("plumb.yaml", project), ("manifests/a.yaml", manifest)];
    let files: BTreeMap<String, Vec<u8>> = files.map(|(path, text)| (path.to_owned(), text.into_bytes())).into();
    let request = Request { target: None, variables: Default::default(), env: &|_| None, user: None };
    load(&InMemory(files), &request, kinds::all())
        .map_err(|failure| failure.problems.into_iter().map(|p| p.message).collect())
}

fn noted(desired: &Desired) -> Vec<String> {
    warnings(desired, &|_| None).into_iter().map(|(rule, p)| format!("{rule}: {} ({})", p.message, p.label)).collect()
}

#[test]
fn numbers_and_booleans_are_texts_where_a_map_has_texts() {
    let spec = "  tags: {year: 2024, live: true, share: 0.5, text: \"7\", size: \"${var.size}\"}\n  tasks:\n  \
        - task_key: a\n    notebook_task: {notebook_path: /a, base_parameters: {n: -1}}\n    \
        new_cluster: {spark_version: x, spark_conf: {spark.x: 5}, spark_env_vars: {DEBUG: false}}\n";
    let desired = loaded("{size: 4}", spec).unwrap_or_else(|e| panic!("{e:?}"));
    let spec = &desired.resources[0].spec;
    assert_eq!(spec["tags"], json!({"year": "2024", "live": "true", "share": "0.5", "text": "7", "size": "4"}));
    let task = &spec["tasks"][0];
    assert_eq!(task["notebook_task"]["base_parameters"], json!({"n": "-1"}));
    assert_eq!(task["new_cluster"]["spark_conf"], json!({"spark.x": "5"}));
    assert_eq!(task["new_cluster"]["spark_env_vars"], json!({"DEBUG": "false"}));
    let found: Vec<String> = noted(&desired).into_iter().filter(|f| !f.starts_with("log-delivery")).collect();
    assert_eq!(found.len(), 7, "{found:?}");
    assert!(found.iter().all(|f| f.starts_with("text: a ") && f.ends_with("(sent as a text)")), "{found:?}");
}

#[test]
fn what_would_become_another_text_is_refused() {
    for written in ["1.10", "1e3", "0x10", "True", "+5"] {
        let found = loaded("{}", &format!("  tags: {{a: {written}}}\n")).err().unwrap_or_default();
        assert!(found.len() == 1 && found[0].starts_with("expected a string"), "{written}: {found:?}");
    }
    // Elsewhere a number is no text.
    let found = loaded("{}", "  description: 5\n").err().unwrap_or_default();
    assert_eq!(found, ["expected a string, found the number 5"]);
}

#[test]
fn the_case_of_a_name_means_nothing_where_the_service_says_so() {
    let git = |provider: &str| format!("  git_source: {{git_url: u, git_provider: {provider}, git_branch: main}}\n");
    for (written, spelled) in
        [("github", "gitHub"), ("GITLAB", "gitLab"), ("azuredevopsservices", "azureDevOpsServices")]
    {
        let desired = loaded("{}", &git(written)).unwrap_or_else(|e| panic!("{e:?}"));
        assert_eq!(desired.resources[0].spec["git_source"]["git_provider"], spelled);
        assert_eq!(noted(&desired), [format!("spelling: `{written}` is spelled `{spelled}` (read as `{spelled}`)")]);
    }
    assert_eq!(noted(&loaded("{}", &git("gitHub")).unwrap_or_else(|e| panic!("{e:?}"))), [""; 0]);
    assert_eq!(loaded("{}", &git("githup")).err(), Some(vec!["unknown value `githup`".to_owned()]));
    // Of other names the case does mean something.
    let queue = "  edit_mode: editable\n";
    assert_eq!(loaded("{}", queue).err(), Some(vec!["unknown value `editable`".to_owned()]));
}
