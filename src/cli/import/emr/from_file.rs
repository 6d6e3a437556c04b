//! Pipelines as a file says them: without a call to AWS.

use super::EmrImport;
use super::sources::TranslationSource;
use crate::cli::session::Project;
use crate::ui::{Failure, Ui};
use plumb_core::inventory::choose::{self, ClusterSelector, is_named};
use plumb_core::inventory::written::{self, WrittenPipeline};
use plumb_core::render::value::visible;
use plumb_core::translate::{EarlierRun, EmrSource, PipelineSource, RunTime};
use serde_json::{Value, json};
use std::path::Path;

/// The largest file that is read.
const MOST_BYTES: u64 = 64 * 1024 * 1024;

/// The pipelines of a file.
pub(super) fn sources(
    project: &Project,
    args: &EmrImport,
    path: &Path,
    ui: &Ui,
) -> Result<Vec<TranslationSource>, Failure> {
    let shown = path.display();
    let failed = |what: String| Failure::error(format!("--from {shown}: {what}; nothing was written"));
    let size = std::fs::metadata(path).map_err(|e| failed(e.to_string()))?.len();
    if size > MOST_BYTES {
        return Err(failed(format!("it has {size} bytes, of which plumb reads {MOST_BYTES} at most")));
    }
    let text = std::fs::read_to_string(path).map_err(|e| failed(e.to_string()))?;
    let mut file = written::read(&text).map_err(|why| {
        failed(why).hint(
            "it reads requests of RunJobFlow and StartJobRun (JSON), `terraform show -json` of a state or plan, and \
             CloudFormation templates",
        )
    })?;
    if let Some(emr) = &project.desired.target.emr {
        for one in &mut file.pipelines {
            for input in std::iter::once(&mut one.input).chain(&mut one.earlier) {
                written::located(input, emr.region.as_deref(), emr.account.as_deref());
            }
        }
    }
    for left in &file.left {
        ui.warn(&format!("left out: {}", visible(left)));
    }
    let groups = choose::groups(&listing(&file.pipelines));
    let wanted = |one: &&WrittenPipeline| {
        args.name.as_ref().is_none_or(|pattern| is_named(&one.name, one.names.iter().map(String::as_str), pattern))
    };
    let file_name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let source = |one: &WrittenPipeline| {
        let unread_id = || EmrSource::Clusters(ClusterSelector::Ids(Vec::new(), "the file does not say its id"));
        let old = match &one.application {
            Some(id) if !id.is_empty() => EmrSource::Application(id.clone()),
            Some(_) => unread_id(),
            None => match groups.iter().find(|group| group.clusters.iter().any(|c| one.names.contains(&c.name))) {
                Some(group) => match choose::selector(group, &groups) {
                    // In a file clusters have no ids.
                    ClusterSelector::Ids(_, why) => EmrSource::Clusters(ClusterSelector::Ids(Vec::new(), why)),
                    named => EmrSource::Clusters(named),
                },
                None => unread_id(),
            },
        };
        let earlier = one.earlier.iter().map(|input| EarlierRun { run: RunTime::default(), input: input.clone() });
        let count = one.earlier.len() + 1;
        TranslationSource {
            of: format!("written {}", one.name),
            title: one.name.clone(),
            pipeline: PipelineSource { earlier: earlier.collect(), ..PipelineSource::of(one.input.clone(), old) },
            notes: vec![match count {
                1 => format!("From {file_name}, {}. AWS was not asked.", file.form),
                n => format!("From the last of {n} requests in {file_name}, {}. AWS was not asked.", file.form),
            }],
        }
    };
    let mut sources: Vec<TranslationSource> = file.pipelines.iter().filter(wanted).map(source).collect();
    sources.sort_by(|a, b| (&a.title, &a.of).cmp(&(&b.title, &b.of)));
    match (&args.name, sources.is_empty()) {
        (Some(name), true) => {
            let all: Vec<&str> = file.pipelines.iter().map(|one| one.name.as_str()).collect();
            Err(failed(format!("nothing in it is called `{name}`")).hint(format!("there are: {}", all.join(", "))))
        }
        _ => Ok(sources),
    }
}

/// What ListClusters would say of the clusters.
fn listing(pipelines: &[WrittenPipeline]) -> Vec<Value> {
    let clusters = pipelines.iter().filter(|one| one.application.is_none());
    let names = clusters.flat_map(|one| &one.names).filter(|name| !name.is_empty());
    names.enumerate().map(|(at, name)| json!({ "Id": format!("written-{at}"), "Name": name })).collect()
}
