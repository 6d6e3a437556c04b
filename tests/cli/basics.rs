//! A first day with plumb: validate, plan, apply, drift, status, show.

use crate::shows;
use crate::world::{World, job};
use serde_json::json;

#[test]
fn a_first_day() {
    let world = World::new();
    world.commit_file("manifests/etl.yaml", &job("etl", "  timeout_seconds: 3600\n"), "Add etl");
    shows!(world.plumb("validate"), @"
    The manifests are valid for target dev: 1 DatabricksJob.
    --- exit 0
    ");
    assert_eq!(world.sandbox.requests(), [""; 0]);
    shows!(world.plumb("plan"), @r#"
    Plan of demo for target dev, manifests at <Add etl>

      + create

      # DatabricksJob/etl will be created
      # manifests/etl.yaml:1, <Add etl> by Ada: Add etl
      + DatabricksJob/etl "etl"
          + name: "etl"
          + tasks:
          +   - task_key: "main"
          +     existing_cluster_id: "0101-000000-abcdefgh"
          +     notebook_task:
          +       notebook_path: "/Shared/etl"
          + timeout_seconds: 3600

    Plan: 1 to create, 0 to update, 0 to delete. 0 unchanged.
    Digest: <digest>
    --- stderr
    read 0 objects with 4 requests in <time>
    --- exit 0
    "#);
    world.plumb("plan --detailed-exitcode").code(2);
    shows!(world.plumb("drift"), @r#"
    Drift of demo for target dev, manifests at <Add etl>

      + create

      # DatabricksJob/etl will be created
      # manifests/etl.yaml:1, <Add etl> by Ada: Add etl
      + DatabricksJob/etl "etl"
          + name: "etl"
          + tasks:
          +   - task_key: "main"
          +     existing_cluster_id: "0101-000000-abcdefgh"
          +     notebook_task:
          +       notebook_path: "/Shared/etl"
          + timeout_seconds: 3600

    The one change is drift. 1 object is not there, which counts as drift: deleted live, or never
      applied. 0 resources up to date.
    Digest: <digest>
    --- stderr
    read 0 objects with 4 requests in <time>
    --- exit 2
    "#);
    assert_eq!(world.sandbox.writes(), [""; 0]);
    shows!(world.plumb("apply"), @r#"
    Plan of demo for target dev, manifests at <Add etl>

      + create

      # DatabricksJob/etl will be created
      # manifests/etl.yaml:1, <Add etl> by Ada: Add etl
      + DatabricksJob/etl "etl"
          + name: "etl"
          + tasks:
          +   - task_key: "main"
          +     existing_cluster_id: "0101-000000-abcdefgh"
          +     notebook_task:
          +       notebook_path: "/Shared/etl"
          + timeout_seconds: 3600

    Plan: 1 to create, 0 to update, 0 to delete. 0 unchanged.
    Digest: <digest>
    --- stderr
    read 0 objects with 4 requests in <time>
    error: Apply to target dev?: nobody to ask, this is no terminal
    hint: give --yes to go on without being asked
    --- exit 64
    "#);
    assert_eq!(world.sandbox.writes(), [""; 0]);
    shows!(world.plumb("apply --yes"), @r#"
    Plan of demo for target dev, manifests at <Add etl>

      + create

      # DatabricksJob/etl will be created
      # manifests/etl.yaml:1, <Add etl> by Ada: Add etl
      + DatabricksJob/etl "etl"
          + name: "etl"
          + tasks:
          +   - task_key: "main"
          +     existing_cluster_id: "0101-000000-abcdefgh"
          +     notebook_task:
          +       notebook_path: "/Shared/etl"
          + timeout_seconds: 3600

    Plan: 1 to create, 0 to update, 0 to delete. 0 unchanged.
    Digest: <digest>
    --- stderr
    read 0 objects with 4 requests in <time>
    creating DatabricksJob/etl
    [1/1] created DatabricksJob/etl in <time>
    Apply: 1 done.
    --- exit 0
    "#);
    assert_eq!(world.sandbox.writes(), ["POST /api/2.2/jobs/create"]);
    shows!(world.plumb("plan --detailed-exitcode"), @"
    Plan of demo for target dev, manifests at <Add etl>

    No changes. The workspace equals the manifests.
    1 resource up to date.
    Digest: <digest>
    --- stderr
    read 1 object with 4 requests in <time>
    --- exit 0
    ");
    world.plumb("drift").code(0);
    shows!(world.plumb("status"), @"
    ADDRESS            STATUS   ID               APPLIED FROM
    DatabricksJob/etl  in sync  <job etl>  <Add etl>

    1 resource: 1 in sync.
    --- stderr
    read 1 object with 4 requests in <time>
    --- exit 0
    ");
    shows!(world.plumb("show etl"), @"
    DatabricksJob/etl

    manifest (manifests/etl.yaml:1):
      name: etl
      tasks:
      - existing_cluster_id: 0101-000000-abcdefgh
        notebook_task:
          notebook_path: /Shared/etl
        task_key: main
      timeout_seconds: 3600

    live (job <job etl>, applied from <Add etl>-743032e5):
      format: MULTI_TASK
      name: etl
      tasks:
      - existing_cluster_id: 0101-000000-abcdefgh
        notebook_task:
          notebook_path: /Shared/etl
          source: WORKSPACE
        task_key: main
      timeout_seconds: 3600

    Plan of demo for target dev, manifests at <Add etl>

    No changes. The workspace equals the manifests.
    1 resource up to date.
    Digest: <digest>
    --- stderr
    read 1 object with 4 requests in <time>
    --- exit 0
    ");
    shows!(world.plumb("apply --yes"), @"
    Plan of demo for target dev, manifests at <Add etl>

    No changes. The workspace equals the manifests.
    1 resource up to date.
    Digest: <digest>
    --- stderr
    read 1 object with 4 requests in <time>
    --- exit 0
    ");
    world.sandbox.edit_job("etl", json!({"timeout_seconds": 60}));
    shows!(world.plumb("drift"), @r#"
    Drift of demo for target dev, manifests at <Add etl>

    Note: DatabricksJob/etl: 1 field was changed live since the last apply

      ~ update in place

      # DatabricksJob/etl will be updated in place
      # manifests/etl.yaml:1
      ~ DatabricksJob/etl "etl" (id <job etl>)
          ~ timeout_seconds = 60 -> 3600
                # manifests/etl.yaml:11, changed live; wanted since <Add etl> by Ada: Add etl

    The one change is drift. 0 resources up to date.
    Digest: <digest>
    --- stderr
    read 1 object with 5 requests in <time>
    --- exit 2
    "#);
}

fn mistaken() -> World {
    let world = World::new();
    let wrong = job("etl", "  timeout_secnds: 60\n  max_concurrent_runs: many\n");
    world.write("manifests/etl.yaml", &wrong);
    world
}

#[test]
fn mistakes_are_shown_where_they_are() {
    let world = mistaken();
    shows!(world.plumb("validate"), @r#"
    --- stderr
    error: unknown field `timeout_secnds`
      --> manifests/etl.yaml:11:3
       |
    11 |   timeout_secnds: 60
       |   ^^^^^^^^^^^^^^ did you mean `timeout_seconds`?

    error: expected a whole number, found the string "many"
      --> manifests/etl.yaml:12:24
       |
    12 |   max_concurrent_runs: many
       |                        ^^^^ expected a whole number

    2 problems in 1 file
    error: the manifests have mistakes
    --- exit 1
    "#);
    shows!(world.plumb("plan"), @r#"
    --- stderr
    error: unknown field `timeout_secnds`
      --> manifests/etl.yaml:11:3
       |
    11 |   timeout_secnds: 60
       |   ^^^^^^^^^^^^^^ did you mean `timeout_seconds`?

    error: expected a whole number, found the string "many"
      --> manifests/etl.yaml:12:24
       |
    12 |   max_concurrent_runs: many
       |                        ^^^^ expected a whole number

    2 problems in 1 file
    error: the manifests have mistakes; nothing was sent
    --- exit 1
    "#);
    assert_eq!(world.sandbox.requests(), [""; 0]);
}

#[test]
fn mistakes_for_tools() {
    let world = mistaken();
    let ran = world.plumb("validate --output json").code(1);
    assert_eq!(ran.err, "");
    insta::assert_snapshot!(format!("{:#}", ran.json()), @r#"
    {
      "problems": [
        {
          "column": 3,
          "end": {
            "column": 17,
            "line": 11
          },
          "file": "manifests/etl.yaml",
          "label": "did you mean `timeout_seconds`?",
          "line": 11,
          "message": "unknown field `timeout_secnds`"
        },
        {
          "column": 24,
          "end": {
            "column": 28,
            "line": 12
          },
          "file": "manifests/etl.yaml",
          "label": "expected a whole number",
          "line": 12,
          "message": "expected a whole number, found the string \"many\""
        }
      ],
      "warnings": []
    }
    "#);
    let sarif = world.plumb("validate --output sarif").code(1).json();
    let results = sarif.pointer("/runs/0/results").unwrap().as_array().unwrap();
    assert_eq!(results.len(), 2);
    let region = results[0].pointer("/locations/0/physicalLocation/region").unwrap();
    assert_eq!(region["startLine"], 11);
    shows!(world.plumb("validate --output junit"), @r#"
    <?xml version="1.0" encoding="UTF-8"?>
    <testsuites tests="2" failures="2" errors="0">
      <testsuite name="plumb validate" tests="2" failures="2" errors="0">
        <testcase classname="manifests/etl.yaml" name="manifest: unknown field `timeout_secnds`: did you mean `timeout_seconds`?" file="manifests/etl.yaml" line="11">
          <failure type="manifest" message="unknown field `timeout_secnds`: did you mean `timeout_seconds`?">manifests/etl.yaml:11:3: unknown field `timeout_secnds`: did you mean `timeout_seconds`?</failure>
        </testcase>
        <testcase classname="manifests/etl.yaml" name="manifest: expected a whole number, found the string &quot;many&quot;" file="manifests/etl.yaml" line="12">
          <failure type="manifest" message="expected a whole number, found the string &quot;many&quot;">manifests/etl.yaml:12:24: expected a whole number, found the string &quot;many&quot;</failure>
        </testcase>
      </testsuite>
    </testsuites>
    --- exit 1
    "#);
    shows!(world.plumb("validate --output markdown"), @"
    --- stderr
    error: invalid value 'markdown' for '--output <FORM>'
      [possible values: text, json, sarif, junit]

    For more information, try '--help'.
    --- exit 64
    ");
    shows!(world.plumb("validate --output json --out report.json"), @"
    --- stderr
    wrote report.json
    --- exit 1
    ");
    world.write("manifests/etl.yaml", &job("etl", ""));
    shows!(world.plumb("validate --output junit"), @r#"
    <?xml version="1.0" encoding="UTF-8"?>
    <testsuites tests="1" failures="0" errors="0">
      <testsuite name="plumb validate" tests="1" failures="0" errors="0">
        <testcase classname="plumb validate" name="nothing found"/>
      </testsuite>
    </testsuites>
    --- exit 0
    "#);
    world.plumb("validate --output json").code(0);
    world.plumb("validate --output sarif").code(0);
    assert_eq!(world.sandbox.requests(), [""; 0]);
}

#[test]
fn forms_that_a_command_does_not_have_are_refused() {
    let world = World::new();
    world.commit_file("manifests/etl.yaml", &job("etl", ""), "Add etl");
    shows!(world.plumb("status --output sarif"), @"
    --- stderr
    error: invalid value 'sarif' for '--output <FORM>'
      [possible values: text, json]

    For more information, try '--help'.
    --- exit 64
    ");
    shows!(world.plumb("show etl --output junit"), @"
    --- stderr
    error: invalid value 'junit' for '--output <FORM>'
      [possible values: text, json]

    For more information, try '--help'.
    --- exit 64
    ");
    let rows = world.plumb("status --output json").code(0).json();
    assert_eq!(rows[0]["status"], "missing");
    let shown = world.plumb("show etl --output json").code(0).json();
    assert_eq!(shown["address"], "DatabricksJob/etl");
    assert_eq!(shown["live"], json!([]));
    shows!(world.plumb("show etl -q"), @r#"
    DatabricksJob/etl

    manifest (manifests/etl.yaml:1):
      name: etl
      tasks:
      - existing_cluster_id: 0101-000000-abcdefgh
        notebook_task:
          notebook_path: /Shared/etl
        task_key: main

    live: nothing carries its mark

    Plan of demo for target dev, manifests at <Add etl>

      + create

      # DatabricksJob/etl will be created
      # manifests/etl.yaml:1, <Add etl> by Ada: Add etl
      + DatabricksJob/etl "etl"
          + name: "etl"
          + tasks:
          +   - task_key: "main"
          +     existing_cluster_id: "0101-000000-abcdefgh"
          +     notebook_task:
          +       notebook_path: "/Shared/etl"

    Plan: 1 to create, 0 to update, 0 to delete. 0 unchanged.
    Digest: <digest>
    --- exit 0
    "#);
    shows!(world.plumb("show elt"), @"
    --- stderr
    error: no resource is called `elt`
    hint: did you mean `etl`?
    --- exit 64
    ");
}

#[test]
fn schemas_are_written_and_checked() {
    let world = World::new();
    world.plumb("schema --check").code(1).says("plumb schema");
    world.plumb("schema").code(0);
    world.plumb("schema --check").code(0);
    let text = world.read("schemas/DatabricksJob.json");
    world.write("schemas/DatabricksJob.json", &text.replacen("type", "typ", 1));
    shows!(world.plumb("schema --check"), @"
    --- stderr
    error: not as they would be written: DatabricksJob.json
    hint: `plumb schema` writes them
    --- exit 1
    ");
}

#[test]
fn colour_is_for_terminals_and_for_those_who_ask() {
    let mut world = World::new();
    world.commit_file("manifests/etl.yaml", &job("etl", ""), "Add etl");
    assert!(!world.plumb("plan").out.contains('\u{1b}'));
    assert!(world.plumb("plan --color always").out.contains('\u{1b}'));
    world.env("NO_COLOR", Some("1"));
    assert!(!world.plumb("plan").out.contains('\u{1b}'));
    assert!(!world.plumb("plan --color never").out.contains('\u{1b}'));
}

#[test]
fn what_the_service_takes_although_it_is_written_otherwise_is_noted_and_does_not_drift() {
    let world = World::new();
    let text = job(
        "etl",
        "  tags: {year: 2024}\n  git_source: {git_url: \"https://github.com/a/b\", git_provider: github, git_branch: main}\n",
    );
    world.commit_file("manifests/etl.yaml", &text, "Add etl");
    let ran = world.plumb("validate").code(0);
    ran.says("warning: a number where a text belongs").says("warning: `github` is spelled `gitHub`");
    let json = world.plumb("validate --output json").code(0).json();
    assert_eq!(json["warnings"].as_array().map(Vec::len), Some(2), "{json}");
    assert_eq!(json["problems"], serde_json::json!([]));
    world.plumb("apply --yes").code(0);
    let settings = &world.sandbox.job("etl")["settings"];
    assert_eq!(
        (&settings["tags"]["year"], &settings["git_source"]["git_provider"]),
        (&"2024".into(), &"gitHub".into())
    );
    world.plumb("plan --detailed-exitcode").code(0);
    // What the service shows in another case is no difference.
    let mut git = settings["git_source"].clone();
    git["git_provider"] = "GITHUB".into();
    world.sandbox.edit_job("etl", serde_json::json!({ "git_source": git }));
    world.plumb("plan --detailed-exitcode").code(0);
}

#[test]
fn the_owner_of_a_job_may_be_given_what_an_owner_has() {
    let world = World::new();
    world.commit_file("manifests/etl.yaml", &job("etl", ""), "Add etl");
    world.plumb("apply --yes").code(0);
    let owner = world.sandbox.job("etl")["creator_user_name"].as_str().unwrap().to_owned();
    let grants = format!(
        "  permissions:\n    - {{user_name: \"{owner}\", permission_level: CAN_MANAGE}}\n    \
         - {{group_name: analysts, permission_level: CAN_VIEW}}\n"
    );
    world.commit_file("manifests/etl.yaml", &job("etl", &grants), "Share it");
    world.plumb("validate").code(0).says("no grant is `IS_OWNER`");
    world.plumb("apply --yes").code(0);
    world.plumb("plan --detailed-exitcode").code(0);
    // Less than that the service does not give an owner, and the plan does not call it done.
    world.edit("manifests/etl.yaml", "CAN_MANAGE", "CAN_VIEW");
    world.commit("Take it away");
    world.plumb("apply --yes").code(1).says("exactly one owner");
    world.plumb("plan --detailed-exitcode").code(2);
}
