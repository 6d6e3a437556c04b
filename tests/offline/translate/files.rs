//! Pipelines that are only written down, in the forms that people have: they come to the same jobs as those that live.

use super::cases;
use super::pipelines::{Case, corpus};
use plumb_core::inventory::written::{self, WrittenFile};
use plumb_core::translate::{Translation, translate};
use serde_json::Value;

/// What the request of a case comes to as a file; `None` where its form is another one.
fn file(case: &Case) -> Option<WrittenFile> {
    let form = case.request["form"].as_str()?;
    let is_file = ["boto3", "terraform-state", "terraform-plan", "cloudformation"].contains(&form);
    let text = case.request["request"].to_string();
    is_file.then(|| written::read(&text).unwrap_or_else(|why| panic!("{}: {why}", case.name)))
}

fn jobs(translation: &Translation) -> Vec<&Value> {
    translation.documents.iter().filter(|d| d.address.kind == "DatabricksJob").map(|d| &d.spec).collect()
}

#[test]
fn a_request_comes_to_the_job_that_its_cluster_comes_to() {
    let mut wrong = Vec::new();
    let mut count = 0;
    for case in corpus() {
        let Some(file) = file(&case) else { continue };
        let [pipeline] = file.pipelines.as_slice() else { panic!("{}: {file:#?}", case.name) };
        let mut pipeline = pipeline.clone();
        written::located(&mut pipeline.input, Some("eu-west-1"), Some("123456789012"));
        count += 1;
        let mut options = cases::options();
        options.name = Some("x".into());
        let (written, lives) =
            (translate(&pipeline.input, &options), translate(&case.source(&case.answers).input, &options));
        let (written, lives) = (jobs(&written), jobs(&lives));
        if written != lives {
            let text = |jobs: &[&Value]| serde_json::to_string_pretty(jobs).unwrap();
            let (left, right) = (text(&lives), text(&written));
            let differs = similar::TextDiff::from_lines(&left, &right);
            wrong.push(format!("{}:\n{}", case.name, differs.unified_diff().context_radius(1)));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(count >= 25, "{count}");
}
