//! Lakeflow pipelines, API 2.0: create, get, list, edit and delete; what they run is [`updates`].
//!
//! Members and limits: databricks-sdk-py 0.162.0, `service/pipelines.py` (`PipelinesAPI`). What a get shows is as
//! databricks/cli recorded it of a workspace (acceptance/bundle/resources/pipelines/update/output.txt): the service adds
//! `id` and `storage` to what was sent, and no other default. Words of refusals are the service's where a source is named; the
//! others are unverified.

mod checks;
#[cfg(test)]
mod tests;
pub mod updates;

use super::{defaults, fields, paging, permissions, set, text, unity};
use crate::{
    errors::{ApiError, Handled},
    request::Request,
    store::Store,
};
use serde_json::{Map, Value, json};

/// Answers `pipelines` and what is below it.
pub fn handle(store: &mut Store, request: &Request, rest: &[&str]) -> Option<Handled> {
    Some(match (request.method.as_str(), rest) {
        ("GET", []) => list(store, request),
        ("POST", []) => create(store, request),
        ("GET", [id]) => get(store, id),
        ("PUT", [id]) => edit(store, request, id),
        ("DELETE", [id]) => delete(store, request, id),
        (_, [id, rest @ ..]) => return updates::handle(store, request, id, rest),
        _ => return None,
    })
}

/// The words of databricks/cli, acceptance/bundle/resources/pipelines/update/output.txt.
pub fn missing(id: &str) -> ApiError {
    ApiError::missing(format!("The specified pipeline {id} was not found."))
}

fn find<'a>(store: &'a Store, id: &str) -> Result<&'a Value, ApiError> {
    store.databricks.pipelines.get(id).ok_or_else(|| missing(id))
}

/// Members of a request that are not of the spec.
const BESIDE: [&str; 5] = ["allow_duplicate_names", "dry_run", "run_as", "parameters", "expected_last_modified"];

/// Reads a create or an edit: the spec as it is kept, and what stands beside it.
fn read(store: &Store, request: &Request) -> Result<(Value, Map<String, Value>), ApiError> {
    let mut body = request.object()?;
    // Of an edit only.
    let expected = body.remove("expected_last_modified");
    let mut spec = Value::Object(body);
    defaults::drop_nulls(&mut spec);
    fields::read(&mut spec, "Pipeline", store.settings.keeps_unknown)?;
    let mut beside = Map::new();
    if let Some(map) = spec.as_object_mut() {
        for name in BESIDE {
            if let Some(value) = map.remove(name) {
                beside.insert(name.to_owned(), value);
            }
        }
        beside.extend(
            expected.filter(|value| !value.is_null()).map(|value| ("expected_last_modified".to_owned(), value)),
        );
    }
    if beside.get("parameters").is_some_and(|parameters| parameters.to_string().len() > 10_000) {
        return Err(ApiError::invalid("The parameters of the pipeline exceed the limit of 10,000 characters."));
    }
    for cluster in spec.get_mut("clusters").and_then(Value::as_array_mut).into_iter().flatten() {
        if let Some(cluster) = cluster.as_object_mut() {
            // "This field won't be persisted" (the SDK's text of it).
            cluster.remove("apply_policy_default_values");
        }
    }
    Ok((spec, beside))
}

/// What the service fills in: the id, a place on DBFS where neither a catalog nor another is named (databricks/cli
/// `libs/testserver/pipelines.go`), and where an event log is (Terraform provider, pipelines/resource_pipeline.go).
fn fill_in(spec: &mut Value, id: &str) {
    spec["id"] = json!(id);
    if text(spec, "storage").is_none() && text(spec, "catalog").is_none() {
        spec["storage"] = json!(format!("dbfs:/pipelines/{id}"));
    }
    if text(&spec["event_log"], "name").is_some() {
        let of = |member: &str| text(spec, member).map(str::to_owned);
        let places = [("catalog", of("catalog")), ("schema", of("schema").or_else(|| of("target")))];
        for (member, value) in places {
            if let Some(value) = value.filter(|_| text(&spec["event_log"], member).is_none()) {
                spec["event_log"][member] = json!(value);
            }
        }
    }
}

/// Another pipeline may not have the name, unless the request says so. Words: databricks/cli#5261; the code is that of the
/// SDK's `AlreadyExists` family for 409, and unverified.
fn check_name(store: &Store, spec: &Value, beside: &Map<String, Value>, own: Option<&str>) -> Result<(), ApiError> {
    let Some(name) = text(spec, "name") else { return Ok(()) };
    let is_other = |(id, other): (&String, &Value)| own != Some(id.as_str()) && other["name"] == name;
    if beside.get("allow_duplicate_names") == Some(&json!(true)) || !store.databricks.pipelines.iter().any(is_other) {
        return Ok(());
    }
    let message = format!(
        "The pipeline name '{name}' is already used by another pipeline. This check can be skipped by setting \
         `allow_duplicate_names = true` in the request."
    );
    Err(ApiError::new(409, "RESOURCE_CONFLICT", message))
}

/// Eight, four, four, four and twelve digits.
fn uuid(store: &mut Store) -> String {
    let digits = Store::scrambled(store.serial()) + &Store::scrambled(store.serial());
    let parts = [&digits[..8], &digits[8..12], &digits[12..16], &digits[16..20], &digits[20..32]];
    parts.join("-")
}

/// Who `run_as` names.
fn runs_as(beside: &Map<String, Value>) -> Option<String> {
    let run_as = beside.get("run_as")?;
    ["user_name", "service_principal_name"].iter().find_map(|member| text(run_as, member)).map(str::to_owned)
}

fn create(store: &mut Store, request: &Request) -> Handled {
    let (mut spec, beside) = read(store, request)?;
    checks::spec(store, &spec)?;
    check_name(store, &spec, &beside, None)?;
    // Only a create normalizes it (Terraform provider, pipelines/resource_pipeline.go).
    if let Some(catalog) = text(&spec, "catalog").map(str::to_lowercase) {
        spec["catalog"] = json!(catalog);
    }
    if beside.get("dry_run") == Some(&json!(true)) {
        return Ok(json!({ "effective_settings": spec }));
    }
    let id = uuid(store);
    fill_in(&mut spec, &id);
    let mut pipeline = json!({
        "pipeline_id": id,
        "creator_user_name": request.user,
        "run_as_user_name": runs_as(&beside).unwrap_or_else(|| request.user.clone()),
        "state": "IDLE",
        "last_modified": store.now(),
        "effective_publishing_mode": "DEFAULT_PUBLISHING_MODE",
    });
    put(&mut pipeline, spec, &beside);
    store.databricks.pipelines.insert(id.clone(), pipeline);
    permissions::created(store, &format!("/pipelines/{id}"), &request.user, None)?;
    paging::created(store, "pipelines", &id);
    updates::keep_going(store, &id);
    Ok(json!({ "pipeline_id": id }))
}

/// Puts a spec, and what stands beside it, into a pipeline.
fn put(pipeline: &mut Value, spec: Value, beside: &Map<String, Value>) {
    let name = spec.get("name").cloned();
    if let Some(map) = pipeline.as_object_mut() {
        for (member, value) in [("name", name), ("parameters", beside.get("parameters").cloned())] {
            match value {
                Some(value) => map.insert(member.to_owned(), value),
                None => map.remove(member),
            };
        }
        // Who leaves it out keeps the one before, as with jobs (databricks/cli `libs/testserver/pipelines.go`).
        if let Some(run_as) = beside.get("run_as") {
            map.insert("run_as".to_owned(), run_as.clone());
        }
    }
    pipeline["spec"] = spec;
}

/// Replaces the settings. What is left out is gone, but for `storage`, which belongs to the pipeline for life.
fn edit(store: &mut Store, request: &Request, id: &str) -> Handled {
    let before = find(store, id)?.clone();
    let (mut spec, beside) = read(store, request)?;
    if let Some(expected) = beside.get("expected_last_modified").map(ToString::to_string) {
        let expected: i64 = expected.trim_matches('"').parse().unwrap_or(0);
        if expected > 0 && before["last_modified"].as_i64().is_some_and(|modified| modified > expected) {
            let message = format!("The settings of pipeline {id} were modified after {expected}.");
            return Err(ApiError::new(409, "RESOURCE_CONFLICT", message));
        }
    }
    checks::spec(store, &spec)?;
    checks::fixed(&before["spec"], &spec)?;
    let is_renamed = text(&spec, "name") != text(&before, "name");
    if is_renamed {
        check_name(store, &spec, &beside, Some(id))?;
    }
    if let Some(storage) = set(&before["spec"], "storage") {
        spec["storage"] = storage.clone();
    }
    fill_in(&mut spec, id);
    let now = store.now().max(before["last_modified"].as_i64().unwrap_or(0) + 1);
    if let Some(pipeline) = store.databricks.pipelines.get_mut(id) {
        put(pipeline, spec, &beside);
        pipeline["last_modified"] = json!(now);
        if let Some(user) = runs_as(&beside) {
            pipeline["run_as_user_name"] = json!(user);
        }
    }
    updates::keep_going(store, id);
    Ok(json!({}))
}

/// Notes who owns a pipeline: it runs as its owner, unless it names somebody ("a read only value derived from the
/// pipeline owner", the SDK's text of `run_as_user_name`).
pub fn owned_by(store: &mut Store, id: &str, owner: &str) {
    if let Some(pipeline) = store.databricks.pipelines.get_mut(id).filter(|one| set(one, "run_as").is_none()) {
        pipeline["run_as_user_name"] = json!(owner);
    }
}

/// Deletes a pipeline, and unless `cascade` is false its datasets (the SDK's text of `PipelinesAPI.delete`): the tables of Unity
/// Catalog that have its id. No clean-up fails here, so that `force` decides about nothing.
fn delete(store: &mut Store, request: &Request, id: &str) -> Handled {
    find(store, id)?;
    for flag in ["cascade", "force"] {
        if let Some(value) = request.param(flag).filter(|value| !["true", "false"].contains(&value.as_str())) {
            return Err(ApiError::invalid(format!("Could not parse {flag}: {value} is neither true nor false")));
        }
    }
    if request.param("cascade").is_none_or(|cascade| cascade != "false") {
        unity::pipeline_gone(store, id);
    }
    store.databricks.pipelines.remove(id);
    store.databricks.pipeline_updates.remove(id);
    store.databricks.permissions.remove(&format!("/pipelines/{id}"));
    Ok(json!({}))
}

fn get(store: &mut Store, id: &str) -> Handled {
    find(store, id)?;
    updates::look(store, id);
    let mut shown = find(store, id)?.clone();
    let latest = updates::latest(store, id);
    if !latest.is_empty() {
        shown["latest_updates"] = json!(latest);
    }
    Ok(shown)
}

/// What a listing shows of a pipeline (`PipelineStateInfo` of the SDK): no spec.
const LISTED: [&str; 7] =
    ["cluster_id", "creator_user_name", "health", "name", "pipeline_id", "run_as_user_name", "state"];

fn list(store: &mut Store, request: &Request) -> Handled {
    let limit = paging::limit(request, "max_results", 25, 100)?;
    let filter = request.param("filter").filter(|filter| !filter.trim().is_empty());
    let filter = filter.as_deref().map(checks::filter).transpose()?;
    let is_descending = match request.param("order_by").as_deref().map(str::trim) {
        None | Some("" | "id" | "id asc") => false,
        Some("id desc") => true,
        Some(other) => return Err(ApiError::invalid(format!("Invalid order_by: {other}. It can only be id."))),
    };
    let token = request.param("page_token").filter(|token| !token.is_empty());
    let hidden = paging::unlisted(store, "pipelines", token.is_none());
    let kept = |(id, pipeline): &(&String, &Value)| {
        !hidden.contains(id) && filter.as_ref().is_none_or(|filter| filter.takes(pipeline))
    };
    let mut all: Vec<_> = store.databricks.pipelines.iter().filter(kept).collect();
    if is_descending {
        all.reverse();
    }
    let (rows, next) = paging::keyed_page(all.into_iter(), token.as_deref(), limit, is_descending)?;
    let shown = rows.into_iter().map(|pipeline| {
        let mut row = Value::Object(defaults::only(pipeline.as_object().unwrap_or(&Map::new()), &LISTED));
        let latest = updates::latest(store, text(pipeline, "pipeline_id").unwrap_or_default());
        if !latest.is_empty() {
            row["latest_updates"] = json!(latest);
        }
        row
    });
    let mut answer = paging::listing("statuses", shown.collect());
    if let Some(next) = next {
        answer.insert("next_page_token".to_owned(), json!(next));
    }
    Ok(answer.into())
}
