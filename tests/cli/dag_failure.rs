//! What a DAG says of failures: how often a run is repaired, who is told; mistakes with their places.

use crate::world::World;

fn dag(spec: &str) -> World {
    let world = World::new();
    let text = format!("apiVersion: plumb/v1\nkind: AirflowDag\nmetadata: {{name: monthly}}\nspec:\n{spec}");
    world.write("manifests/monthly.yaml", &text);
    world
}

/// What `validate` says, in one line.
fn validated(world: &World, code: i32) -> String {
    world.plumb("validate").code(code).shown.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn mistakes_of_repairs_are_told_where_they_stand() {
    let world = dag(
        "  defaults: {repair: {maxRepairs: 11}}\n  tasks:\n    - {id: a, run: '1', repair: {maxRepairs: 0}}\n    - \
                     {id: b, run: '1', wait: false, repair: {maxRepairs: 1}}\n    - {id: c, run: '1', repair: {maxRepiars: 1}}\n    \
                     - {id: d, run: '1', repair: {keepParameters: false}}\n    - {id: e, run: '1', repair: {maxRepairs: two}}\n",
    );
    let said = validated(&world, 1);
    for (place, what) in [
        ("monthly.yaml:5:35", "11 is out of bounds"),
        ("monthly.yaml:7:46", "0 is out of bounds"),
        ("leave `repair` out where nothing is to be repaired", ""),
        ("monthly.yaml:8:46", "`b` does not wait for its run"),
        ("monthly.yaml:9:", "maxRepiars"),
        ("did you mean `maxRepairs`?", ""),
        ("monthly.yaml:10:", "maxRepairs"),
        ("monthly.yaml:11:", "two"),
    ] {
        assert!(said.contains(place) && said.contains(what), "{place} {what}:\n{said}");
    }
}

#[test]
fn many_tries_are_noted_and_no_mistake() {
    let world = dag(
        "  defaults: {retries: 3, repair: {maxRepairs: 2}}\n  tasks: [{id: a, run: '1'}, {id: b, run: '1', retries: 2}]\n",
    );
    let said = validated(&world, 0);
    assert!(said.contains("what keeps failing in `a` is done 12 times: 4 runs, and each up to 3 times"), "{said}");
    assert!(!said.contains("`b`"), "{said}");
    let world = dag("  defaults: {repair: {maxRepairs: 10}}\n  tasks: [{id: a, run: '1'}]\n");
    assert!(!validated(&world, 0).contains("keeps failing"));
}

#[test]
fn mistakes_of_notifications_are_told_where_they_stand() {
    let world = dag("  notify: {email: [a@example.com]}\n  tasks: [{id: a, run: '1'}]\n");
    let said = validated(&world, 1);
    assert!(said.contains("add `onFailure: diagnose`"), "{said}");
    let world = dag(
        "  onFailure: diagnose\n  notify:\n    email: ['a@example.com, b@example.com', nobody, \"x@y\\nBcc: z@y\"]\n    \
                     callbacks:\n      - {path: page}\n      - {path: os.system, arguments: {not-a-name: 1}}\n  tasks: [{id: a, run: '1'}]\n",
    );
    let said = validated(&world, 1);
    for what in [
        "`a@example.com, b@example.com` is no address",
        "`nobody` is no address",
        "this is no import path",
        "`not-a-name` cannot be the name of an argument",
    ] {
        assert!(said.contains(what), "{what}:\n{said}");
    }
    assert_eq!(said.matches("is no address").count(), 3, "{said}");
    for empty in ["{}", "{email: []}", "{callbacks: []}"] {
        let world = dag(&format!("  onFailure: diagnose\n  notify: {empty}\n  tasks: [{{id: a, run: '1'}}]\n"));
        let said = validated(&world, 1);
        assert!(said.contains("nobody"), "{empty}: {said}");
    }
    let world = dag("  source: external\n  notify: {email: [a@example.com]}\n");
    world.plumb("validate").code(1).says("`notify` of a DAG that others write is theirs");
}
