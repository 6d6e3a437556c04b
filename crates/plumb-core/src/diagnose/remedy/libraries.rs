//! Libraries, scripts and objects that a manifest names: where it does.

use super::site::ClusterSite;
use super::{Remedy, RemedyCase, say};
use plumb_model::schema::Path;
use plumb_model::yaml::{Node, Span};

/// Lines of a manifest are named so many at most.
const MOST_PLACES: usize = 3;

/// Where a text is part of a value of a job or of its cluster's manifest.
fn places(case: &RemedyCase<'_>, text: &str) -> Vec<String> {
    let mut spans: Vec<Span> = Vec::new();
    let own = case.job.map(|job| job.node());
    let others = case.sites.iter().filter(|site| site.at == Path::default()).map(|site| site.resource.node());
    let policies = case.sites.iter().filter_map(|site| Some(site.policy?.node()));
    own.into_iter().chain(others).chain(policies).for_each(|node| collect(&node, text, &mut spans));
    spans.sort();
    let mut places: Vec<String> = spans.into_iter().map(|span| case.span(span)).collect();
    places.dedup();
    places.truncate(MOST_PLACES);
    places
}

fn collect(node: &Node, text: &str, spans: &mut Vec<Span>) {
    if node.as_str().is_some_and(|value| value.contains(text)) {
        spans.push(node.span);
    }
    node.items().iter().for_each(|item| collect(item, text, spans));
    node.entries().iter().for_each(|entry| collect(&entry.value, text, spans));
}

/// Where it is named, in a sentence.
fn named_at<'a>(case: &RemedyCase<'a>, name: &str, what: &str) -> Vec<Remedy<'a>> {
    // A short name is a part of many.
    let places = if name.len() < 3 { Vec::new() } else { places(case, name) };
    if places.is_empty() {
        return Vec::new();
    }
    vec![Remedy::Say(say(format!("{what} {name} stands at {}.", places.join(", "))))]
}

pub(super) fn install<'a>(case: &RemedyCase<'a>) -> Vec<Remedy<'a>> {
    let Some(package) = case.slot("package").or_else(|| case.slot("dependency")) else { return Vec::new() };
    let bare = package.split(['=', '<', '>', '!', '~', '[']).next().unwrap_or(package).trim();
    let found = named_at(case, package, "The library");
    if found.is_empty() { named_at(case, bare, "The library") } else { found }
}

/// The package of a module may have another name, so nothing is added by itself.
pub(super) fn module<'a>(case: &RemedyCase<'a>) -> Vec<Remedy<'a>> {
    let Some(module) = case.slot("package") else { return Vec::new() };
    let top = module.split('.').next().unwrap_or(module);
    let is_named = named_at(case, top, "The package");
    if !is_named.is_empty() {
        return is_named;
    }
    let Some(job) = case.job else { return Vec::new() };
    let Some(task) = case.task() else { return Vec::new() };
    let at = Path::default().key("tasks").with(plumb_model::schema::Segment::Item(task.to_owned())).key("libraries");
    let text = format!(
        "No library of the job is named {top}: add the package that has it to the libraries of task {task} ({}); it may be called \
         otherwise than the module.",
        case.place(job, &at)
    );
    vec![Remedy::Say(say(text))]
}

pub(super) fn class<'a>(case: &RemedyCase<'a>) -> Vec<Remedy<'a>> {
    let Some(class) = case.slot("class").or_else(|| case.slot("main")) else { return Vec::new() };
    if class.starts_with("com.amazon.ws.emr") || class.starts_with("com/amazon/ws/emr") {
        let text = format!(
            "{class} is EMR only: no library brings it to Databricks. Take out what names it, and read s3:// by the \
                            cluster's own file system."
        );
        let mut found = named_at(case, "com.amazon.ws.emr", "The class");
        found.insert(0, Remedy::Say(say(text)));
        return found;
    }
    named_at(case, class, "The class")
}

pub(super) fn init_script<'a>(case: &RemedyCase<'a>) -> Vec<Remedy<'a>> {
    if let Some(script) = case.slot("script") {
        let file = script.rsplit('/').next().unwrap_or(script);
        return named_at(case, file, "The script");
    }
    let has = |site: &ClusterSite<'_>| site.value(&["init_scripts"]).is_some();
    let Ok(site) = case.only(has) else { return Vec::new() };
    let place = case.place(site.resource, &site.path(&["init_scripts"]));
    vec![Remedy::Say(say(format!("The init scripts of {} stand at {place}.", site.name)))]
}

pub(super) fn named<'a>(case: &RemedyCase<'a>) -> Vec<Remedy<'a>> {
    let Some(name) = case.slot("resource").or_else(|| case.slot("path")) else { return Vec::new() };
    named_at(case, name.trim_matches(['"', '\'', '.', ',']), "What is missing,")
}
