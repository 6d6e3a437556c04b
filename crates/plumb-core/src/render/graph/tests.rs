//! What depends on what, and how it is written.

use super::*;
use crate::plan::plan_world::{World, manifest};
use serde_json::Value;

fn job(name: &str, spec: Value) -> String {
    let mut whole = json!({ "name": name, "tasks": [] });
    whole.as_object_mut().unwrap().extend(spec.as_object().unwrap().clone());
    manifest("DatabricksJob", name, "", &whole)
}

fn cluster(pool: &str) -> Value {
    json!({ "spark_version": "15.4.x-scala2.12", "num_workers": 2, "instance_pool_id": pool })
}

/// A pool, a policy, two jobs, DAGs old and new, a migration, and the cluster that goes.
fn desired() -> Desired {
    let pool = json!({ "instance_pool_name": "workers", "node_type_id": "i3.xlarge" });
    let task = json!([{ "task_key": "a", "job_cluster_key": "main", "notebook_task": { "notebook_path": "/a" } }]);
    let clusters =
        json!([{ "job_cluster_key": "main", "new_cluster": cluster("${resources.DatabricksInstancePool.workers}") }]);
    let all = [
        manifest("DatabricksInstancePool", "workers", "", &pool),
        job("cleanse", json!({ "tasks": task, "job_clusters": clusters })),
        job(
            "report",
            json!({ "tasks": [{ "task_key": "b", "run_job_task": { "job_id": "${resources.DatabricksJob.cleanse}" } }] }),
        ),
        manifest("AirflowDag", "legacy", "", &json!({ "source": "external" })),
        manifest("AirflowPool", "slots", "", &json!({ "name": "slots", "slots": 4 })),
        manifest(
            "AirflowDag",
            "monthly",
            "",
            &json!({ "schedule": { "cron": "0 4 2 * *" }, "start_date": "2024-05-01", "tasks": [
                { "id": "a", "run": "${resources.DatabricksJob.cleanse}", "pool": "slots" },
                { "id": "b", "job": "report", "after": ["a"] }] }),
        ),
        manifest(
            "Migration",
            "audience",
            "",
            &json!({ "from": { "emr": ["EmrCluster/legacy"], "dags": ["AirflowDag/legacy"] },
                     "to": { "jobs": ["DatabricksJob/cleanse"], "dags": ["AirflowDag/monthly"] }, "wave": "1" }),
        ),
        manifest(
            "EmrCluster",
            "legacy",
            "",
            &json!({ "match": { "name": "bau-*" }, "desired": "teardown", "teardown": {
                "notBefore": "2024-07-01", "replacedBy": ["DatabricksJob/cleanse"],
                "requires": { "dagPaused": ["AirflowDag/legacy"] } } }),
        ),
    ];
    World::of(all.join("\n")).desired()
}

fn lines(graph: &ResourceGraph) -> Vec<String> {
    graph.edges.iter().map(|edge| format!("{} > {} by {}", edge.from, edge.to, edge.by.join(", "))).collect()
}

#[test]
fn every_tie_of_the_manifests_is_an_edge_with_the_member_that_says_it() {
    let graph = whole(&desired());
    assert_eq!(
        lines(&graph),
        [
            "AirflowDag/monthly > AirflowPool/slots by pool",
            "AirflowDag/monthly > DatabricksJob/cleanse by run",
            "AirflowDag/monthly > DatabricksJob/report by job",
            "DatabricksJob/cleanse > DatabricksInstancePool/workers by instance_pool_id",
            "DatabricksJob/report > DatabricksJob/cleanse by job_id",
            "EmrCluster/legacy > AirflowDag/legacy by teardown.requires.dagPaused",
            "EmrCluster/legacy > DatabricksJob/cleanse by teardown.replacedBy",
            "Migration/audience > AirflowDag/legacy by from.dags",
            "Migration/audience > AirflowDag/monthly by to.dags",
            "Migration/audience > DatabricksJob/cleanse by to.jobs",
            "Migration/audience > EmrCluster/legacy by from.emr",
            "Wave/1 > Migration/audience by wave",
        ]
    );
    assert_eq!(graph.nodes.len(), 9);
}

#[test]
fn a_name_that_two_objects_have_ties_nobody() {
    let dag = json!({ "tasks": [{ "id": "a", "job": "twin" }] });
    let twin = |name: &str| manifest("DatabricksJob", name, "", &json!({ "name": "twin", "tasks": [] }));
    // Two live objects of one name are refused for a target, so the second is a pool's namesake of another kind.
    let of = |manifests: &[String]| lines(&whole(&World::of(manifests.join("\n")).desired()));
    let dag = manifest("AirflowDag", "d", "", &dag);
    assert_eq!(of(&[dag.clone(), twin("a")]), ["AirflowDag/d > DatabricksJob/a by job"]);
    let pool = json!({ "instance_pool_name": "twin", "node_type_id": "i3.xlarge" });
    let pool = manifest("DatabricksInstancePool", "twin", "", &pool);
    assert_eq!(of(&[dag, pool]), [""; 0]);
}

#[test]
fn a_selection_shows_its_direct_neighbours_and_no_more() {
    let only = |pattern: &str| Selection { only: vec![pattern.to_owned()], labels: Vec::new() };
    let graph = selected(&desired(), &only("DatabricksInstancePool"));
    let nodes: Vec<(String, bool)> = graph.nodes.iter().map(|n| (n.address.to_string(), n.selected)).collect();
    let cleanse = ("DatabricksJob/cleanse".to_owned(), false);
    assert_eq!(nodes, [("DatabricksInstancePool/workers".to_owned(), true), cleanse]);
    assert_eq!(graph.edges.len(), 1);
    let graph = selected(&desired(), &only("Migration/audience"));
    assert!(graph.nodes.iter().any(|node| node.address.to_string() == "Wave/1" && node.selected));
    assert!(!lines(&graph).contains(&"AirflowDag/monthly > DatabricksJob/cleanse by run".to_owned()));
}

#[test]
fn kinds_are_told_by_shape_and_class() {
    let graph = whole(&desired());
    let mermaid = mermaid(&graph);
    for line in [
        "flowchart RL",
        "  AirflowDag_monthly([\"AirflowDag/monthly\"]):::airflow",
        "  DatabricksJob_cleanse[\"DatabricksJob/cleanse\"]:::databricks",
        "  EmrCluster_legacy[/\"EmrCluster/legacy\"/]:::old",
        "  Wave_1{{\"Wave/1\"}}:::relation",
        "  DatabricksJob_cleanse --> |\"instance_pool_id\"| DatabricksInstancePool_workers",
    ] {
        assert!(mermaid.lines().any(|one| one == line), "{line} in\n{mermaid}");
    }
    let dot = dot(&graph);
    for line in [
        "  \"DatabricksJob/cleanse\" [shape=box color=\"#d9480f\" style=solid class=\"DatabricksJob\"]",
        "  \"AirflowDag/monthly\" -> \"DatabricksJob/cleanse\" [label=\"run\"]",
    ] {
        assert!(dot.lines().any(|one| one == line), "{line} in\n{dot}");
    }
    assert!(json(&graph).unwrap().contains("\"from\": \"DatabricksJob/cleanse\""));
}

/// Names that no manifest may have; nobody can say that no plan ever has one.
#[test]
fn a_hostile_name_means_nothing() {
    let hostile = "x\"]; end\n  click a \"javascript:1\" </b> `#quot;` \\ \u{202e}abc &lt; %% a--b";
    let address = |name: &str| Address { kind: "DatabricksJob".to_owned(), name: name.to_owned() };
    let node = |name: &str| GraphNode { address: address(name), selected: true };
    let edge = GraphEdge { from: address(hostile), to: address("a-b"), by: vec![hostile.to_owned()] };
    let graph = ResourceGraph { nodes: vec![node("a-b"), node("a_b"), node(hostile)], edges: vec![edge] };
    let text = mermaid(&graph);
    assert_eq!(text.lines().count(), 6, "{text}");
    assert!(text.contains("DatabricksJob_a_b[") && text.contains("DatabricksJob_a_b__2["), "{text}");
    let label = text.lines().nth(3).unwrap().split('"').nth(1).unwrap().to_owned();
    for sign in ['<', '>', '"', '`', '[', ']', '\\', '&', '%', '\u{202e}'] {
        assert!(!label.contains(sign), "{sign} in {label}");
    }
    let text = dot(&graph);
    assert_eq!(text.lines().count(), 9, "{text}");
    assert!(!text.contains('\u{202e}') && text.contains("x\\\"]; end\\\\n"), "{text}");
}

#[test]
fn the_text_grows_with_manifests_and_not_faster() {
    let of = |count: usize| {
        let jobs: Vec<String> = (0..count)
            .map(|i| {
                job(
                    &format!("j{i:04}"),
                    json!({ "job_clusters": [{ "job_cluster_key": "main",
                    "new_cluster": cluster("${resources.DatabricksInstancePool.workers}") }] }),
                )
            })
            .collect();
        let pool = json!({ "instance_pool_name": "workers", "node_type_id": "i3.xlarge" });
        let graph =
            whole(&World::of(jobs.join("\n") + &manifest("DatabricksInstancePool", "workers", "", &pool)).desired());
        (graph.edges.len(), mermaid(&graph).len(), dot(&graph).len())
    };
    let (few, many) = (of(50), of(200));
    assert_eq!((few.0, many.0), (50, 200));
    assert!(many.1 < few.1 * 4 && many.2 < few.2 * 4, "{few:?} {many:?}");
}

#[test]
fn what_mermaid_does_not_draw_is_told() {
    let address = |name: String| Address { kind: "DatabricksJob".to_owned(), name };
    let of = |edges: usize| {
        let edge =
            |at: usize| GraphEdge { from: address(format!("j{at}")), to: address("a".to_owned()), by: Vec::new() };
        ResourceGraph { nodes: Vec::new(), edges: (0..edges).map(edge).collect() }
    };
    assert_eq!(too_large(&of(499), ""), None);
    assert!(too_large(&of(500), "").is_some_and(|why| why.contains("500 arrows")));
    assert_eq!(too_large(&of(1), &"é".repeat(50_000)), None);
    assert!(too_large(&of(1), &"é".repeat(50_001)).is_some());
}
