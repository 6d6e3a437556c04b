//! What is told of a spec, all of it at once and nothing that only follows from something else.

use crate::kinds;
use plumb_model::yaml::{FileId, Files, Limits, Problem, Problems, parse};

/// The mistakes and the notes of a spec, each with its line and message.
fn told(kind: &str, spec: &str) -> (Vec<String>, Vec<String>) {
    let mut files = Files::default();
    files.add("spec.yaml", spec);
    let mut problems = Problems::default();
    let node = parse(spec, FileId(0), &Limits::default(), &mut problems).remove(0);
    let mut notes = Vec::new();
    kinds::find(kind).unwrap().read(&node, &mut problems, &mut notes);
    let line = |p: &Problem| format!("{} {}", p.span.map_or(0, |s| files.position(s).0), p.message);
    (problems.sorted().iter().map(line).collect(), notes.iter().map(|(_, p)| line(p)).collect())
}

fn mistakes(kind: &str, spec: &str) -> Vec<String> {
    told(kind, spec).0
}

#[test]
fn what_refers_within_a_spec_is_checked_beside_a_wrong_field() {
    let spec = "name: a\nmax_concurrent_runz: 1\ntimeout_seconds: [1]\ntasks:\n\
        - {task_key: one, job_cluster_key: none, notebook_task: {notebook_path: /a}}\n\
        - {task_key: one, run_job_task: {job_id: 1}}\n\
        - {task_key: two, depends_on: [{task_key: oen}], run_job_task: {job_id: 1}}\n";
    assert_eq!(
        mistakes("DatabricksJob", spec),
        [
            "2 unknown field `max_concurrent_runz`",
            "3 expected a whole number, found a list",
            "5 no job cluster is called `none`",
            "6 `one` is there twice",
            "7 no task is called `oen`",
        ]
    );
    let sets = "environment_variables: [{environment_variables_key: a}, {environment_variables_key: a}]\ntasks:\n\
        - {task_key: one, environment_variables_key: b, run_job_task: {job_id: 1}}\n";
    assert_eq!(
        mistakes("DatabricksJob", sets),
        ["1 `a` is there twice", "3 no set of environment variables is called `b`"]
    );
    let dag = "schedule: {cron: \"0 4 * * *\"}\nstart_dat: 2024-05-01\ntasks:\n\
        - {id: one, run: '1', retries: often}\n\
        - {id: two, run: '1', after: [oen]}\n";
    assert_eq!(
        mistakes("AirflowDag", dag),
        [
            "2 unknown field `start_dat`",
            "4 expected a whole number, found the string \"often\"",
            "5 no task is called `oen`"
        ]
    );
}

#[test]
fn the_place_of_a_finding_is_right_behind_an_element_that_was_not_read() {
    let spec = "tasks:\n- what\n- {task_key: one, notebook_task: {notebook_path: a}}\n";
    assert_eq!(
        mistakes("DatabricksJob", spec),
        ["2 expected a mapping, found the string \"what\"", "3 `a` is a path that no run finds"]
    );
}

#[test]
fn nothing_is_told_that_only_follows_from_another_mistake() {
    let run = "run_job_task: {job_id: 1}";
    for (spec, only) in [
        // What the list had, or was to have, is not known.
        (format!("job_cluster: []\ntasks: [{{task_key: a, job_cluster_key: x, {run}}}]"), "unknown field `job_cluster`"),
        (format!("job_clusters: x\ntasks: [{{task_key: a, job_cluster_key: x, {run}}}]"), "expected a list"),
        (format!("tasks: [[], {{task_key: a, depends_on: [{{task_key: b}}], {run}}}]"), "expected a mapping"),
        (format!("tasks: [{{{run}}}, {{{run}, task_key: a, depends_on: [{{task_key: b}}]}}]"), "missing field `task_key`"),
        (format!("tasks: [{{task_key: [b], {run}}}, {{task_key: a, depends_on: [{{task_key: b}}], {run}}}]"), "expected a string"),
        (format!("tasks: [{{task_key: a, {run}, depends_on: [{{}}]}}]"), "missing field `task_key`"),
        // What the task does was written, if wrongly.
        ("tasks: [{task_key: a, notebok_task: {notebook_path: /a}}]".into(), "unknown field `notebok_task`"),
        ("tasks: [{task_key: a, notebook_task: /a}]".into(), "expected a mapping"),
        ("git_sorce: {}\ntasks: [{task_key: a, notebook_task: {notebook_path: a}}]".into(), "unknown field `git_sorce`"),
        ("permissions: [{user_nam: ann@x.org, permission_level: CAN_VIEW}]".into(), "unknown field `user_nam`"),
        ("permissions: [{user_name: ann@x.org, permission_level: CAN_MANAGE}, {user_name: bob@x.org, permission_level: OWNER}]".into(),
            "unknown value `OWNER`"),
    ] {
        let found = mistakes("DatabricksJob", &spec);
        assert!(found.len() == 1 && found[0].contains(only), "{spec}: {found:?}");
    }
    // Two of them without a key are two mistakes, and not one more.
    assert_eq!(mistakes("DatabricksJob", &format!("tasks: [{{{run}}}, {{{run}}}]")).len(), 2);
    for (spec, only) in [
        ("schedule: {cron: \"0 4 * * *\"}\nstart_date: [2024]\ntasks: [{id: a, run: '1'}]", "expected a string"),
        ("tasks: a", "expected a list"),
        ("tasks: [{id: [a], run: '1'}, {id: b, run: '1', after: [a]}]", "expected a string"),
    ] {
        let found = mistakes("AirflowDag", spec);
        assert!(found.len() == 1 && found[0].contains(only), "{spec}: {found:?}");
    }
    let policy = "name: a\ndefinition: {num_workers: {type: fixd, value: 1}}";
    assert_eq!(mistakes("DatabricksClusterPolicy", policy), ["2 unknown value `fixd`"]);
    let teardown = "match: {name: a*}\ndesired: teardwon\nteardown: {grace: 7d}";
    assert_eq!(mistakes("EmrCluster", teardown), ["2 unknown value `teardwon`"]);
}

#[test]
fn keys_have_the_form_that_the_service_takes() {
    let long = "k".repeat(101);
    let task = |key: &str| format!("tasks: [{{task_key: \"{key}\", run_job_task: {{job_id: 1}}}}]");
    let cluster = |key: &str| format!("job_clusters: [{{job_cluster_key: \"{key}\"}}]");
    let parameter = |name: &str| format!("parameters: [{{name: \"{name}\", default: x}}]");
    let each =
        "tasks: [{task_key: a, for_each_task: {inputs: '[1]', task: {task_key: 'b c', run_job_task: {job_id: 1}}}}]";
    for (spec, wrong) in [
        (task("load-2_B"), None),
        (task("load.x"), Some("`load.x` has `.` in it")),
        (task("lad\u{e9}"), Some("has `\u{e9}` in it")),
        (task("a b"), Some("has a blank in it")),
        (task(""), Some("a name is needed here")),
        (task(&long), Some("a name of 101 characters")),
        (task(&long[1..]), None),
        (cluster("a/b"), Some("has `/` in it")),
        (cluster("a_b"), None),
        (parameter("a.b-c_d"), None),
        (parameter("a b"), Some("has a blank in it")),
        (each.to_owned(), Some("`b c` has a blank in it")),
    ] {
        let found = mistakes("DatabricksJob", &spec);
        match wrong {
            None => assert_eq!(found, [""; 0], "{spec}"),
            Some(wrong) => assert!(found.len() == 1 && found[0].contains(wrong), "{spec}: {found:?}"),
        }
    }
}

#[test]
fn grants_are_those_that_can_be_live() {
    let ann = "user_name: Ann@x.org, permission_level";
    for (list, wrong) in [
        (format!("[{{{ann}: CAN_VIEW}}, {{group_name: Ann@x.org, permission_level: CAN_VIEW}}]"), None),
        (
            format!("[{{{ann}: CAN_VIEW}}, {{user_name: ann@X.org, permission_level: CAN_MANAGE_RUN}}]"),
            Some("is there twice"),
        ),
        ("[{group_name: a, permission_level: CAN_VIEW}, {group_name: A, permission_level: CAN_VIEW}]".into(), None),
        ("[{permission_level: CAN_VIEW}]".into(), Some("names nobody")),
        ("[{user_name: '', permission_level: CAN_VIEW}]".into(), Some("names nobody")),
        (format!("[{{{ann}: CAN_VIEW, group_name: b}}]"), Some("names several")),
        (
            format!("[{{{ann}: IS_OWNER}}, {{service_principal_name: b, permission_level: IS_OWNER}}]"),
            Some("exactly one owner"),
        ),
        ("[{group_name: a, permission_level: IS_OWNER}]".into(), Some("a group cannot own")),
    ] {
        let found = mistakes("DatabricksJob", &format!("permissions: {list}"));
        match wrong {
            None => assert_eq!(found, [""; 0], "{list}"),
            Some(wrong) => assert!(found.len() == 1 && found[0].contains(wrong), "{list}: {found:?}"),
        }
    }
    let twice = "[{user_name: ann@x.org, permission_level: LEVEL}, {user_name: ANN@x.org, permission_level: LEVEL}]";
    for (kind, level, rest) in [
        ("DatabricksCluster", "CAN_RESTART", "spark_version: 15.4.x-scala2.12"),
        ("DatabricksInstancePool", "CAN_MANAGE", "instance_pool_name: a\nnode_type_id: m"),
        ("DatabricksClusterPolicy", "CAN_USE", "name: a\ndefinition: {}"),
    ] {
        let spec = format!("{rest}\npermissions: {}", twice.replace("LEVEL", level));
        let found = mistakes(kind, &spec);
        assert!(found.len() == 1 && found[0].contains("is there twice"), "{kind}: {found:?}");
    }
}

#[test]
fn who_may_be_the_owner_is_noted_where_nobody_is_said_to_be() {
    let noted = |list: &str| told("DatabricksJob", &format!("permissions: {list}")).1;
    let found =
        noted("[{group_name: a, permission_level: CAN_VIEW}, {user_name: ann@x.org, permission_level: CAN_MANAGE}]");
    assert_eq!(found, ["1 no grant is `IS_OWNER`, and `ann@x.org` may be the one who applies"]);
    for fine in [
        "[{user_name: ann@x.org, permission_level: CAN_MANAGE}, {user_name: bob@x.org, permission_level: IS_OWNER}]",
        "[{group_name: a, permission_level: CAN_MANAGE}]",
        "[{user_name: ann@x.org, permission_level: CAN_VIEW}]",
    ] {
        assert_eq!(noted(fine), [""; 0], "{fine}");
    }
}

#[test]
fn code_is_where_a_run_finds_it() {
    let job = |rest: &str, task: &str| format!("{rest}\ntasks: [{{task_key: a, {task}}}]");
    let git = "git_source: {git_url: u, git_provider: gitHub, git_branch: main}";
    let notebook = |path: &str, more: &str| format!("notebook_task: {{notebook_path: \"{path}\"{more}}}");
    let library = |l: &str| format!("spark_jar_task: {{main_class_name: M}}, libraries: [{{{l}}}]");
    for (spec, wrong) in [
        (job("", &notebook("./etl.py", "")), false),
        (job("", &notebook("../etl.py", "")), false),
        (job("", &notebook("etl", "")), true),
        (job("", &notebook("/Workspace/etl", "")), false),
        (job("", &notebook("{{job.parameters.path}}", "")), false),
        (job(git, &notebook("etl", "")), false),
        (job(git, &notebook("etl", ", source: WORKSPACE")), true),
        (job("", "spark_python_task: {python_file: src/etl.py}"), true),
        (job("", "spark_python_task: {python_file: \"dbfs:/etl.py\"}"), false),
        (job("", "sql_task: {warehouse_id: w, file: {path: a.sql}}"), true),
        (job("", "dbt_task: {commands: [dbt run], project_directory: dbt}"), true),
        (job("", "dbt_task: {commands: [dbt run], project_directory: ./dbt}"), false),
        (job("", &library("whl: dist/etl.whl")), true),
        (job("", &library("whl: \"s3://b/etl.whl\"")), false),
        (job("", &library("jar: etl.jar")), true),
        (job("", &library("jar: ./etl.jar")), false),
        (job("", &library("pypi: {package: etl}")), false),
    ] {
        let found = mistakes("DatabricksJob", &spec);
        assert_eq!(found.iter().any(|f| f.contains("no run finds")), wrong, "{spec}: {found:?}");
        assert_eq!(found.len(), usize::from(wrong), "{spec}: {found:?}");
    }
    let environment = |member: &str| {
        let spec = format!("environment_version: '3', {member}");
        job(&format!("environments: [{{environment_key: e, spec: {{{spec}}}}}]\n"), &notebook("/etl", ""))
    };
    for (member, wrong) in [
        ("dependencies: [dist/etl.whl]", true),
        ("dependencies: [./dist/etl.whl, /Volumes/a/b/c/etl.whl, simplejson==3.19.2, 'https://x/etl.whl']", false),
        ("dependencies: [-r requirements.txt]", true),
        ("dependencies: [-r ./requirements.txt, '-r /Workspace/r.txt']", false),
        ("java_dependencies: [etl.jar]", true),
        ("java_dependencies: [./etl.jar, /Volumes/a/b/c/etl.jar]", false),
    ] {
        let found = mistakes("DatabricksJob", &environment(member));
        assert_eq!(found.iter().any(|f| f.contains("no run finds")), wrong, "{member}: {found:?}");
    }
    let cluster = "spark_version: 15.4.x-scala2.12\nlibraries: [{jar: etl.jar}]";
    assert_eq!(mistakes("DatabricksCluster", cluster), ["2 `etl.jar` is a path that no run finds"]);
}

#[test]
fn a_warehouse_stops_soon_only_where_it_is_serverless() {
    let with = |rest: &str| mistakes("DatabricksSqlWarehouse", &format!("name: a\ncluster_size: Small\n{rest}"));
    for (rest, wrong) in [
        ("auto_stop_mins: 0", false),
        ("auto_stop_mins: 10", false),
        ("auto_stop_mins: 9", true),
        ("auto_stop_mins: 9\nenable_serverless_compute: false", true),
        ("auto_stop_mins: 1\nenable_serverless_compute: true", false),
        ("auto_stop_mins: -1\nenable_serverless_compute: true", true),
    ] {
        assert_eq!(with(rest).len(), usize::from(wrong), "{rest}: {:?}", with(rest));
    }
    // What is misspelt may be what makes it right.
    assert_eq!(with("auto_stop_mins: 1\nenable_serverless_computes: true").len(), 1);
    let sizes = mistakes("DatabricksSqlWarehouse", "name: a\ncluster_size: Huge");
    assert!(sizes.len() == 1 && sizes[0].starts_with("2 "), "{sizes:?}");
    let tags = |count: usize| {
        let list: Vec<String> = (0..count).map(|i| format!("{{key: k{i}, value: v}}")).collect();
        with(&format!("tags: {{custom_tags: [{}]}}", list.join(", ")))
    };
    assert_eq!(tags(40), [""; 0]);
    assert_eq!(tags(41), ["3 41 tags"]);
}

#[test]
fn a_pipeline_has_one_source() {
    let with = |rest: &str| mistakes("DatabricksPipeline", &format!("name: a\n{rest}"));
    let library = "libraries: [{notebook: {path: /a}}]";
    let gateway = "gateway_definition: {connection_name: a, gateway_storage_catalog: b, gateway_storage_schema: c}";
    assert_eq!(with(library), [""; 0]);
    assert_eq!(with(gateway), [""; 0]);
    assert_eq!(with(""), ["1 the pipeline has no source"]);
    assert_eq!(with("libraries: []"), ["2 the pipeline has no source"]);
    assert_eq!(with(&format!("{library}\n{gateway}")), ["3 a pipeline has one of libraries and gateway_definition"]);
    // A misspelt source is a misspelt one, and not none.
    assert_eq!(with("librarys: [{notebook: {path: /a}}]"), ["2 unknown field `librarys`"]);
    let parameters = |length: usize| format!("{library}\nparameters: {{a: {}}}", "x".repeat(length));
    assert_eq!(with(&parameters(10_000 - r#"{"a":""}"#.len())), [""; 0]);
    assert_eq!(with(&parameters(10_001 - r#"{"a":""}"#.len())), ["3 parameters of 10001 characters"]);
}

#[test]
fn where_a_pipeline_publishes_is_noted_where_half_of_it_is_said() {
    let noted = |rest: &str| {
        let spec = format!("name: a\n{rest}\nlibraries: [{{notebook: {{path: /a}}}}]");
        let (mistakes, notes) = told("DatabricksPipeline", &spec);
        assert_eq!(mistakes, [""; 0], "{rest}");
        notes
    };
    assert_eq!(noted("catalog: main"), ["2 the pipeline has a catalog and no schema"]);
    assert_eq!(noted("schema: default"), ["2 the pipeline has a schema and no catalog"]);
    for whole in ["catalog: main\nschema: default", "catalog: main\ntarget: default", "target: default", "storage: /x"] {
        assert_eq!(noted(whole), [""; 0], "{whole}");
    }
}
