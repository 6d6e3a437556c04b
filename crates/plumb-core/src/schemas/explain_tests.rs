use super::*;
use serde_json::json;

fn kind(word: &str) -> Explained {
    Explained::named(word).unwrap()
}

fn field(word: &str, path: &str) -> FieldDoc {
    kind(word).field(path, false).unwrap_or_else(|e| panic!("{}: {}", e.message, e.hint))
}

fn unknown(word: &str, path: &str) -> (String, String) {
    let unknown = kind(word).field(path, false).unwrap_err();
    (unknown.message, unknown.hint)
}

#[test]
fn a_path_leads_through_lists_and_maps_without_an_index() {
    for path in
        ["tasks.depends_on", "spec.tasks.depends_on", "tasks[a].depends_on", "tasks.*.depends_on", "tasks[].depends_on"]
    {
        let doc = field("DatabricksJob", path);
        assert_eq!((doc.path.as_str(), doc.types.as_str()), ("tasks.depends_on", "list of objects"), "{path}");
        assert!(doc.fields.iter().any(|one| one.name == "task_key" && one.required && one.types == "string"), "{path}");
    }
    // The keys of settings have dots; any of them is an entry.
    for path in ["spark_conf.*", "spark_conf.spark.sql.ansi.enabled", "spark_conf[\"a.b\"]"] {
        assert_eq!(field("DatabricksCluster", path).path, "spark_conf.*", "{path}");
    }
    assert_eq!(field("policy", "definition.spark_version.type").path, "definition.*.type");
    assert_eq!(field("job", "metadata.adopt").path, "metadata.adopt");
    assert_eq!(field("job", "metadata.lifecycle.ignore.until").types, "string");
    assert_eq!(field("Project", "targets.prod.databricks.host").path, "targets.*.databricks.host");
    // A map's key that was left out: the field is that of any entry.
    for (kind, path, whole) in [
        ("Project", "targets.mode", "targets.*.mode"),
        ("Project", "targets.databricks.host", "targets.*.databricks.host"),
        ("Project", "targets.databricks.mode", "targets.*.mode"),
        ("policy", "definition.type", "definition.*.type"),
    ] {
        let doc = field(kind, path);
        let left_out = path != "targets.databricks.mode";
        let map = left_out.then(|| path.split('.').next().unwrap());
        assert_eq!((doc.path.as_str(), doc.any_entry_of.as_deref()), (whole, map), "{path}");
    }
    // Types that hold themselves go on and on.
    assert_eq!(field("job", "tasks.for_each_task.task.task_key").types, "string");
}

#[test]
fn a_kind_is_found_by_what_people_call_it() {
    for (word, name) in [
        ("databricksjob", "DatabricksJob"),
        ("job", "DatabricksJob"),
        ("CLUSTER", "DatabricksCluster"),
        ("policy", "DatabricksClusterPolicy"),
        ("project", "Project"),
    ] {
        assert_eq!(kind(word).kind, name, "{word}");
    }
    let failed = |word: &str| Explained::named(word).err().map(|e| format!("{}; {}", e.message, e.hint)).unwrap();
    assert_eq!(failed("pool"), "`pool` may be AirflowPool or DatabricksInstancePool; name the kind in full");
    assert_eq!(failed("DatabricksJobb"), "no kind is called `DatabricksJobb`; did you mean `DatabricksJob`?");
    assert_eq!(failed("jb"), "no kind is called `jb`; did you mean `DatabricksJob`?");
    assert!(failed("table").contains("there are: AirflowConnection (Airflow connection), "));
}

#[test]
fn a_wrong_field_gets_the_right_one() {
    assert_eq!(
        unknown("job", "tasks.depend_on"),
        (
            "DatabricksJob.tasks has no field `depend_on`".into(),
            "did you mean `DatabricksJob.tasks.depends_on`?".into()
        )
    );
    assert_eq!(unknown("job", "taks").1, "did you mean `DatabricksJob.tasks`?");
    // It is somewhere else.
    assert_eq!(unknown("job", "run_if").1, "did you mean `DatabricksJob.tasks.run_if`?");
    assert_eq!(
        unknown("job", "name.first"),
        ("DatabricksJob.name has no field `first`".into(), "it is of type string".into())
    );
}

#[test]
fn a_field_says_its_type_default_values_and_rules() {
    let run_if = field("job", "tasks.run_if");
    assert_eq!((run_if.types.as_str(), run_if.default.clone()), ("string", Some(json!("ALL_SUCCESS"))));
    let done = run_if.values.iter().find(|one| one.value == "ALL_DONE").unwrap();
    assert_eq!(done.description.as_deref(), Some("All have ended, however."));
    assert!(!run_if.description.contains("however"), "the field's own text: {}", run_if.description);
    assert_eq!(field("job", "queue").default, Some(json!({"enabled": true})));
    let said = |word: &str, path: &str| {
        let rules = field(word, path).rules;
        assert!(rules.iter().all(|rule| !rule.why.is_empty()), "a rule has a source");
        rules.into_iter().flat_map(|rule| rule.says).collect::<Vec<_>>().join(" ")
    };
    assert!(said("job", "tasks").contains("Elements are told apart by `task_key`"));
    assert!(said("cluster", "docker_image.basic_auth.password").contains("Secret: never printed."));
    assert!(said("AirflowPool", "name").contains("a change replaces the object"));
    assert!(said("job", "format").contains("whatever is live is up to date"));
    assert_eq!(field("Project", "targets.*.mode").default, Some(json!("production")));
}

#[test]
fn a_list_that_may_have_a_mode_is_explained_in_either_form() {
    let levels = |path: &str| field("job", path).values.len();
    let both =
        ["permissions.permission_level", "permissions[ann].permission_level", "permissions.entries.permission_level"];
    assert_eq!(both.map(levels), [4, 4, 4]);
    let modes: Vec<Value> = field("job", "permissions.mode").values.into_iter().map(|one| one.value).collect();
    assert_eq!(modes, [json!("additive"), json!("exact")]);
    assert_eq!(field("job", "permissions").types, "list of objects or object");
    assert!(Explained::named("job").unwrap().field("permissions_mode", false).is_err(), "nobody writes it");
}

#[test]
fn every_field_of_every_kind_has_a_text_and_is_found_by_its_path() {
    let mut counted = 0;
    for kind in Explained::all() {
        assert!(kind.summary().ends_with(['.', ':']) || !kind.summary().is_empty(), "{}", kind.kind);
        let paths = kind.paths();
        assert!(paths.len() > 3, "{}: {paths:?}", kind.kind);
        for path in paths {
            let doc = kind.field(&path, false).unwrap_or_else(|e| panic!("{}: {}", e.message, e.hint));
            assert_eq!(doc.path, path, "{}", kind.kind);
            assert!(doc.description.len() > 3, "{}.{path} has no text", kind.kind);
            assert!(!doc.types.is_empty(), "{}.{path} has no type", kind.kind);
            counted += 1;
        }
    }
    assert!(counted > 700, "only {counted} fields");
}

#[test]
fn the_tree_ends_where_a_type_holds_itself() {
    let tree = kind("job").field("", true).unwrap();
    fn all<'f>(lines: &'f [FieldLine], found: &mut Vec<&'f FieldLine>) {
        for line in lines {
            found.push(line);
            all(&line.fields, found);
        }
    }
    let mut found = Vec::new();
    all(&tree.fields, &mut found);
    assert!(found.iter().any(|line| line.name == "task" && line.recursive));
    assert!(found.iter().any(|line| line.name == "notebook_path"));
    assert!(found.len() < 3_000, "{}", found.len());
}

#[test]
fn a_text_fits_the_terminal() {
    use super::super::{field_text, kinds_text};
    for width in [40, 80, 120] {
        for kind in Explained::all() {
            let text = field_text(&kind.field("", false).unwrap(), width, false);
            // A name is not broken, however long.
            let mut lines = text.lines().filter(|line| line.starts_with("  ") && line.trim().contains(' '));
            let wide = lines.find(|line| line.chars().count() > width);
            assert_eq!(wide, None, "{} at {width}", kind.kind);
        }
        let text = kinds_text(&Explained::all(), width);
        assert_eq!(text.lines().take(13).find(|line| line.chars().count() > width), None);
    }
    assert_eq!(first_sentence("One thing: `a.b` too. And more.\n\nFurther."), "One thing: `a.b` too.");
    assert_eq!(first_sentence("Only one"), "Only one");
}
