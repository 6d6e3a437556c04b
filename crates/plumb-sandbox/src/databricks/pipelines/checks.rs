//! What the service refuses of a pipeline's settings, and the filters of its listing.

use super::super::{policies, set, text};
use crate::{errors::ApiError, store::Store};
use serde_json::Value;

/// Checks the settings of a create or an edit.
pub fn spec(store: &Store, spec: &Value) -> Result<(), ApiError> {
    let list = |name: &str| spec.get(name).and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    if let Some(target) = text(spec, "target").filter(|target| target.contains('.')) {
        // The words of databricks/cli `libs/testserver/pipelines.go`.
        return Err(ApiError::invalid(format!(
            "CreatePipeline target_schema_name \"{target}\" is not a valid name. Valid names must contain only \
             alphanumeric characters and underscores, and cannot contain spaces, periods, forward slashes, or control \
             characters."
        )));
    }
    // That these exclude each other is the Terraform provider's word (pipelines/resource_pipeline.go).
    for (one, other) in [("target", "schema"), ("storage", "catalog")] {
        if text(spec, one).is_some() && text(spec, other).is_some() {
            return Err(ApiError::invalid(format!("Only one of {one} and {other} may be set.")));
        }
    }
    let has_source = !list("libraries").is_empty()
        || ["ingestion_definition", "gateway_definition"].iter().any(|member| set(spec, member).is_some());
    if !has_source {
        // That the service refuses it is not certain: no recorded pipeline is without a source.
        return Err(ApiError::invalid("The pipeline must have at least one library."));
    }
    let kinds = ["file", "glob", "jar", "maven", "notebook", "whl"];
    for library in list("libraries") {
        if kinds.iter().filter(|kind| set(library, kind).is_some()).count() != 1 {
            return Err(ApiError::invalid(format!("Each library must have exactly one of {}.", kinds.join(", "))));
        }
    }
    let clusters = list("clusters");
    if !clusters.is_empty() && spec.get("serverless") == Some(&Value::Bool(true)) {
        return Err(ApiError::invalid("You cannot provide cluster settings when using serverless compute."));
    }
    let is_default = |cluster: &&Value| text(cluster, "label").unwrap_or("default") == "default";
    if !clusters.is_empty() && clusters.iter().filter(is_default).count() != 1 {
        // terraform-provider-databricks#1401.
        return Err(ApiError::invalid("clusters must have exactly 1 default cluster"));
    }
    for id in clusters.iter().filter_map(|cluster| text(cluster, "policy_id")) {
        policies::definition(store, id)?;
    }
    if spec.get("tags").and_then(Value::as_object).is_some_and(|tags| tags.len() > 25) {
        return Err(ApiError::invalid("A maximum of 25 tags can be added to the pipeline."));
    }
    Ok(())
}

/// Members that a pipeline has for life, beside its storage: those for which the Terraform provider and databricks/cli
/// (bundle/direct/dresources/resources.yml) replace a pipeline.
const FIXED: [&str; 7] = [
    "/ingestion_definition/connection_name",
    "/ingestion_definition/ingestion_gateway_id",
    "/ingestion_definition/ingest_from_uc_foreign_catalog",
    "/gateway_definition/connection_id",
    "/gateway_definition/connection_name",
    "/gateway_definition/gateway_storage_catalog",
    "/gateway_definition/gateway_storage_schema",
];

/// Refuses an edit that changes what cannot be changed.
///
/// The words are those for a catalog, as they were when that was fixed as well (databricks-demos/dbdemos#107). Today a
/// catalog can be changed, but not taken away, nor given to a pipeline that stores its data by itself (Terraform provider,
/// pipelines/resource_pipeline.go).
pub fn fixed(before: &Value, after: &Value) -> Result<(), ApiError> {
    let refuse = |member: &str, from: &Value, to: &Value| {
        let shown = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let words = format!("Existing {member}: '{}'. Requested {member}: '{}'", shown(from), shown(to));
        Err(ApiError::invalid(format!("Cannot modify {member} of an existing pipeline. {words}")))
    };
    let null = Value::Null;
    let storage = [before, after].map(|spec| set(spec, "storage").unwrap_or(&null));
    if !storage[1].is_null() && storage[0] != storage[1] {
        return refuse("storage", storage[0], storage[1]);
    }
    let catalog = [before, after].map(|spec| set(spec, "catalog").unwrap_or(&null));
    if catalog[0].is_null() != catalog[1].is_null() {
        return refuse("catalog", catalog[0], catalog[1]);
    }
    for kind in ["ingestion_definition", "gateway_definition"] {
        let [from, to] = [before, after].map(|spec| Value::Bool(set(spec, kind).is_some()));
        if from != to {
            return refuse(kind, &from, &to);
        }
    }
    for path in FIXED {
        let [from, to] = [before, after].map(|spec| spec.pointer(path).unwrap_or(&null));
        if from != to {
            return refuse(&path[1..].replace('/', "."), from, to);
        }
    }
    Ok(())
}

/// A filter of the listing: `name LIKE '%pattern%'` or `notebook='/path'`. Several at once the service does not take.
pub enum PipelineFilter {
    Name(String),
    Notebook(String),
}

/// Reads a filter.
pub fn filter(words: &str) -> Result<PipelineFilter, ApiError> {
    let invalid = || ApiError::invalid(format!("Invalid filter: {words}"));
    let quoted = |rest: &str| {
        let inner = rest.trim().strip_prefix('\'').and_then(|rest| rest.strip_suffix('\''));
        inner.filter(|inner| !inner.replace("''", "").contains('\'')).map(|inner| inner.replace("''", "'"))
    };
    let words = words.trim();
    if let Some(rest) = words.strip_prefix("notebook").map(str::trim_start).and_then(|rest| rest.strip_prefix('=')) {
        return quoted(rest).map(PipelineFilter::Notebook).ok_or_else(invalid);
    }
    let rest = words.strip_prefix("name").map(str::trim_start).ok_or_else(invalid)?;
    let is_like = rest.get(..4).is_some_and(|word| word.eq_ignore_ascii_case("like"));
    let rest = rest.get(4..).filter(|_| is_like).ok_or_else(invalid)?;
    quoted(rest).map(PipelineFilter::Name).ok_or_else(invalid)
}

impl PipelineFilter {
    /// Whether a pipeline passes.
    pub fn takes(&self, pipeline: &Value) -> bool {
        match self {
            PipelineFilter::Name(pattern) => like(pattern, text(pipeline, "name").unwrap_or_default()),
            PipelineFilter::Notebook(path) => {
                let libraries = pipeline.pointer("/spec/libraries").and_then(Value::as_array);
                libraries
                    .into_iter()
                    .flatten()
                    .any(|one| one.pointer("/notebook/path") == Some(&Value::from(path.as_str())))
            }
        }
    }
}

/// SQL's LIKE: `%` is any text, `_` any one character.
fn like(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<char>, Vec<char>) = (pattern.chars().collect(), text.chars().collect());
    let (mut p, mut t, mut star) = (0, 0, None);
    while t < text.len() {
        if pattern.get(p) == Some(&'%') {
            star = Some((p, t));
            p += 1;
        } else if pattern.get(p).is_some_and(|c| *c == '_' || *c == text[t]) {
            (p, t) = (p + 1, t + 1);
        } else if let Some((at, from)) = star {
            star = Some((at, from + 1));
            (p, t) = (at + 1, from + 1);
        } else {
            return false;
        }
    }
    pattern[p..].iter().all(|c| *c == '%')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn like_is_that_of_sql() {
        for (pattern, name, fits) in [
            ("%shop%", "the shopping list", true),
            ("shop%", "the shop", false),
            ("shop", "shop", true),
            ("shop", "shops", false),
            ("s_op", "shop", true),
            ("%a%b", "xaxbxb", true),
            ("%", "", true),
            ("", "x", false),
        ] {
            assert_eq!(like(pattern, name), fits, "{pattern} {name}");
        }
    }

    #[test]
    fn a_filter_that_is_none_is_refused() {
        for words in ["name = 'x'", "name LIKE x", "state='IDLE'", "name LIKE 'a' AND notebook='b'", "name LIKE"] {
            assert!(filter(words).is_err(), "{words}");
        }
        assert!(matches!(filter("name LIKE 'it''s'").unwrap(), PipelineFilter::Name(name) if name == "it's"));
        assert!(matches!(filter("notebook = '/a'").unwrap(), PipelineFilter::Notebook(path) if path == "/a"));
    }
}
