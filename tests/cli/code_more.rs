//! Shipped code beside what else a project has: targets, patches, variables, a selection, many jobs, deletion, import.

use crate::world::{PROJECT, World};
use serde_json::{Value, json};
use std::fmt::Write as _;

fn job(name: &str, file: &str) -> String {
    format!(
        "apiVersion: plumb/v1\nkind: DatabricksJob\nmetadata: {{name: {name}, code: [../src]}}\nspec:\n  name: {name}\n  \
         tasks:\n    - task_key: load\n      spark_python_task: {{python_file: {file}}}\n"
    )
}

fn repository() -> World {
    let world = World::new();
    world.write("manifests/etl.yaml", &job("etl", "../src/load.py"));
    world.write("src/load.py", "import months\n");
    world.write("src/months.py", "first = 1\n");
    world.commit("Load");
    world
}

/// Where the job's task finds its file.
fn runs(world: &World, name: &str) -> String {
    let job = world.sandbox.job(name);
    job["settings"]["tasks"][0]["spark_python_task"]["python_file"].as_str().unwrap().to_owned()
}

/// The folder of the tree that the job runs.
fn tree(world: &World, name: &str) -> String {
    runs(world, name).split("/src/").next().unwrap().to_owned()
}

#[test]
fn a_target_keeps_its_code_in_a_folder_of_its_own() {
    let world = repository();
    let targets = "dev: {default: true, databricks: {}}\n    me: {mode: development, databricks: {}}\n    vol: {databricks: \
                   {code: /Volumes/main/ops/plumb}}";
    world.write("plumb.yaml", &PROJECT.replace("dev: {default: true, databricks: {}}", targets));
    world.git(&["config", "user.name", "Ada"]);
    world.plumb("apply --yes --target me").code(0).says("/Workspace/Shared/.plumb/demo/me.");
    let own = world.sandbox.get("/api/2.2/jobs/list?limit=100&expand_tasks=true");
    let own = own["jobs"][0]["settings"]["tasks"][0]["spark_python_task"]["python_file"].as_str().unwrap().to_owned();
    assert!(own.starts_with("/Workspace/Shared/.plumb/demo/me."), "{own}");
    world.plumb("plan --target me --detailed-exitcode").code(0).says("No changes.");
    world.plumb("apply --yes --target vol").code(0);
    let kept = runs(&world, "etl");
    assert!(kept.starts_with("/Volumes/main/ops/plumb/.plumb/demo/vol/code/"), "{kept}");
    world.plumb("plan --target vol --detailed-exitcode").code(0).says("No changes.");
    world.plumb("drift --target vol").code(0);
    world.sandbox.send("DELETE", &format!("/api/2.0/fs/files{kept}"), &Value::Null);
    world.plumb("drift --target vol").code(2).says("src/load.py");
    world.plumb("apply --yes --target vol").code(0);
    world.plumb("drift --target vol").code(0);
}

#[test]
fn a_path_is_relative_to_the_file_in_which_it_stands() {
    let world = repository();
    let targets = "{default: true, databricks: {}, patches: [deploy/over], variables: {file: ./other/from_vars.py}}";
    world.write(
        "plumb.yaml",
        &PROJECT
            .replace("{default: true, databricks: {}}", targets)
            .replace("spec:\n", "spec:\n  variables: {file: {}}\n"),
    );
    world.write(
        "deploy/over/etl.yaml",
        "apiVersion: plumb/v1\nkind: DatabricksJob\nmetadata: {name: etl}\nspec:\n  tasks:\n    - task_key: load\n      \
         spark_python_task: {python_file: ./patched.py}\n",
    );
    world.write("deploy/over/patched.py", "print('patched')\n");
    world.write("other/from_vars.py", "print('vars')\n");
    world.write("manifests/vars.yaml", &job("vars", "\"${var.file}\""));
    world.commit("Patches and variables");
    world.plumb("apply --yes").code(0);
    assert!(runs(&world, "etl").ends_with("/deploy/over/patched.py"), "{}", runs(&world, "etl"));
    assert!(runs(&world, "vars").ends_with("/other/from_vars.py"), "{}", runs(&world, "vars"));
    world.remove("deploy/over/patched.py");
    world.plumb("validate").code(1).says("deploy/over/etl.yaml:7:").says("there is no `deploy/over/patched.py`");
}

#[test]
fn a_hundred_jobs_share_one_tree_that_is_uploaded_and_listed_once() {
    let world = repository();
    for i in 0..99 {
        world.write(&format!("manifests/job{i:02}.yaml"), &job(&format!("job{i:02}"), "../src/load.py"));
    }
    world.commit("A hundred");
    world.plumb("apply --yes").code(0).says("101 done");
    let uploads = world.sandbox.writes().iter().filter(|line| line.ends_with("/src/load.py")).count();
    assert_eq!((uploads, tree(&world, "job00")), (1, tree(&world, "etl")));
    world.sandbox.requests();
    world.plumb("plan --detailed-exitcode").code(0).says("100 resources up to date");
    let asked = world.sandbox.requests();
    let lists = asked.iter().filter(|line| line.contains("/api/2.0/workspace/list")).count();
    // That of the code folder, of the tree, and of the folder in it.
    assert_eq!(lists, 3, "{asked:#?}");
    assert!(asked.iter().all(|line| !line.contains("/workspace/export")), "{asked:#?}");
}

#[test]
fn five_hundred_files_are_planned_again_by_a_listing_of_each_folder() {
    let world = repository();
    for i in 0..500 {
        let mut text = String::new();
        for line in 0..1000 {
            writeln!(text, "value_{line:06} = {i:04}").unwrap();
        }
        world.write(&format!("src/part{}/step{i:03}.py", i % 5), &text);
    }
    world.commit("Five hundred");
    world.plumb("apply --yes").code(0);
    world.sandbox.requests();
    world.plumb("plan --detailed-exitcode").code(0).says("No changes.");
    let asked: Vec<String> = world.sandbox.requests().into_iter().filter(|l| !l.contains("/_sandbox/")).collect();
    // Four listings of objects, that of the code folder, of the tree, of src and of its five folders.
    assert!(asked.len() <= 13 && asked.iter().all(|line| line.starts_with("GET ")), "{asked:#?}");
}

#[test]
fn a_partial_apply_ships_the_code_of_what_it_selects_and_retires_nothing_of_the_rest() {
    let world = repository();
    world.write("manifests/other.yaml", &job("other", "../src/months.py").replace("[../src]", "[../src/months.py]"));
    world.commit("Another");
    world.plumb("apply --yes").code(0);
    let before = tree(&world, "other");
    world.edit("src/months.py", "1", "2");
    world.plumb("plan").code(0).says("2 to upload").says("2 to retire");
    world.plumb("plan --only DatabricksJob/etl").code(0).says("1 to upload").never_says("DatabricksJob/other will");
    world.plumb("apply --yes --only DatabricksJob/etl").code(0);
    assert_eq!(tree(&world, "other"), before);
    world.plumb("plan").code(0).says("1 to update").says("1 to upload");
    world.plumb("apply --yes").code(0);
    world.plumb("plan --detailed-exitcode").code(0).says("No changes.");
}

#[test]
fn code_of_a_deleted_job_falls_out_of_use_and_of_a_moved_manifest_does_not() {
    let mut world = repository();
    world.write("manifests/other.yaml", &job("other", "../src/months.py").replace("[../src]", "[../src/months.py]"));
    world.commit("Another");
    world.plumb("apply --yes").code(0);
    world.git(&["mv", "manifests/etl.yaml", "manifests/renamed.yaml"]);
    world.plumb("plan --detailed-exitcode").code(0).says("No changes.");
    world.remove("manifests/renamed.yaml");
    world.plumb("plan").code(0).says("falls out of use").says("1 to retire, 1 to delete");
    world.plumb("apply --yes").code(0);
    world.plumb("plan --detailed-exitcode").code(0).says("No changes.");
    let day = jiff::Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC).date();
    let later = day.checked_add(jiff::Span::new().days(31)).unwrap();
    world.env("PLUMB_NOW", Some(&format!("{later}T12:00:00Z")));
    world.plumb("plan").code(0).says("1 to prune");
    // What cannot be read may name it.
    for path in ["/api/2.2/jobs/list", "/api/2.2/jobs/runs/list"] {
        let body = json!({"error_code": "PERMISSION_DENIED", "message": "No"});
        world.sandbox.fault(json!({"method": "GET", "path": path, "status": 403, "body": body, "times": 50}));
        world.sandbox.requests();
        world.plumb("plan").never_says("to prune");
        world.plumb("apply --yes").never_says("pruned");
        assert_eq!(world.sandbox.writes(), [""; 0], "{path}");
        world.sandbox.send("DELETE", "/_sandbox/faults", &Value::Null);
    }
    world.plumb("plan").code(0).says("1 to prune");
}

#[test]
fn a_comment_and_a_page_show_the_difference_as_text_and_nothing_of_it_is_markup() {
    let world = repository();
    world.plumb("apply --yes").code(0);
    world.edit("src/months.py", "first = 1", "first = \"</script><img src=x>\" # ``` @everyone");
    world.commit("Second");
    let text = world.plumb("plan --output markdown").code(0).out;
    assert!(text.contains("src/months.py: 1 line") && text.contains("+   first = "), "{text}");
    assert!(!text.lines().any(|line| line.starts_with("```") && line.contains("@everyone")), "{text}");
    world.plumb("plan --output html --out page.html").code(0);
    let page = world.read("page.html");
    assert!(page.contains("src/months.py") && !page.contains("<img src=x>"), "the text of code is no markup");
}

#[test]
fn no_manifest_gets_the_path_of_a_tree() {
    let world = repository();
    world.plumb("apply --yes").code(0);
    let at = tree(&world, "etl");
    world.sandbox.edit_job(
        "etl",
        json!({"timeout_seconds": 77, "tasks": [{"task_key": "load",
            "spark_python_task": {"python_file": format!("{at}/src/months.py")}}]}),
    );
    world.plumb("drift --write").code(2);
    let manifest = world.read("manifests/etl.yaml");
    assert!(manifest.contains("77") && !manifest.contains(".plumb"), "{manifest}");
}
