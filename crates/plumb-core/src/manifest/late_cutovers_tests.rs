use super::*;
use crate::kinds;
use crate::manifest::{InMemory, Request, load};

fn desired() -> Desired {
    let project = "apiVersion: plumb/v1\nkind: Project\nmetadata: {name: bau}\nspec: {targets: {prod: {}}}\n";
    let manifests = "\
apiVersion: plumb/v1
kind: EmrCluster
metadata: {name: old}
spec: {match: {name: \"bau-*\"}, desired: keep}
---
apiVersion: plumb/v1
kind: DatabricksJob
metadata: {name: new}
spec: {name: new}
---
apiVersion: plumb/v1
kind: AirflowDag
metadata: {name: old}
spec: {dag_id: old_code, source: external}
---
apiVersion: plumb/v1
kind: AirflowDag
metadata: {name: new}
spec: {tasks: [{id: run, run: \"${resources.DatabricksJob.new}\"}]}
---
apiVersion: plumb/v1
kind: Migration
metadata: {name: audience}
spec:
  cutover: 2026-11-10
  from: {emr: [EmrCluster/old], dags: [AirflowDag/old]}
  to: {jobs: [DatabricksJob/new], dags: [AirflowDag/new]}
";
    let files = BTreeMap::from([
        ("plumb.yaml".to_owned(), project.as_bytes().to_vec()),
        ("manifests/all.yaml".to_owned(), manifests.as_bytes().to_vec()),
    ]);
    let request = Request { target: None, variables: Default::default(), env: &|_| None, user: None };
    load(&InMemory(files), &request, kinds::all()).unwrap_or_else(|e| panic!("{:?}", e.problems))
}

#[test]
fn a_day_that_was_over_when_it_was_committed_is_warned_of_where_it_stands() {
    let desired = desired();
    let warned = |commit: Option<CutoverCommit>, today: &str| -> Vec<String> {
        let commits = commit.map(|commit| ("Migration/audience".to_owned(), commit)).into_iter().collect();
        let all = late_cutover_warnings(&desired, &commits, today.parse().unwrap());
        let line = |span: Option<Span>| desired.files.position(span.unwrap()).0;
        all.into_iter()
            .map(|(rule, one)| format!("{rule} {}: {} ({})", line(one.span), one.message, one.label))
            .collect()
    };
    let on = |day: &str| Some(CutoverCommit::On(day.parse().unwrap()));
    let says = |label: &str| {
        [format!("late-cutover 25: the day of this cutover, 2026-11-10, was over before it was committed ({label})")]
    };
    assert_eq!(warned(Some(CutoverCommit::Missing), "2026-11-11"), says("it is not committed yet"));
    assert_eq!(warned(on("2026-11-11"), "2026-11-30"), says("committed on 2026-11-11"));
    assert_eq!(warned(on("2026-11-11"), "2026-12-11"), says("committed on 2026-11-11"));
    assert_eq!(warned(on("2026-11-11"), "2026-12-12"), [""; 0], "it was done by hand by then");
    assert_eq!(warned(on("2026-11-10"), "2026-11-11"), [""; 0], "the day itself is in time");
    assert_eq!(warned(Some(CutoverCommit::Missing), "2026-11-10"), [""; 0], "the day is not over");
    assert_eq!(warned(None, "2026-11-30"), [""; 0], "git cannot tell");
}
