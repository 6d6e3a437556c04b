//! A workspace whose answers are not what they ought to be: where the objects are in them, and a service that changes them.

use crate::world::World;
use plumb::services::Services;
use plumb_core::kinds::Kind;
use plumb_model::call::{Answer, Call, Method, Sending, Service, ServiceError, System};
use serde_json::Value;
use std::sync::Arc;

/// What is done to the answer of a read. `Err` refuses it.
pub type Edit = dyn Fn(&Call, &mut Value) -> Result<(), ServiceError> + Send + Sync;

/// A service whose answers to reads are changed on the way.
pub struct Edited {
    inner: Arc<dyn Service>,
    edit: Box<Edit>,
}

impl Service for Edited {
    fn send<'a>(&'a self, call: &'a Call) -> Sending<'a> {
        Box::pin(async move {
            let mut answer = self.inner.send(call).await?;
            if call.method == Method::Get {
                (self.edit)(call, &mut answer.body)?;
            }
            Ok(Answer { ..answer })
        })
    }
}

/// The services of a world, with changed answers.
pub fn edited(
    world: &World,
    edit: impl Fn(&Call, &mut Value) -> Result<(), ServiceError> + Send + Sync + 'static,
) -> Services {
    world.through(Arc::new(Edited { inner: world.direct(), edit: Box::new(edit) }))
}

/// The member of a listing that has the rows of a kind, and the member of a row that has its id.
pub fn place(kind: &dyn Kind) -> (&'static str, &'static str) {
    match kind.name() {
        "DatabricksJob" => ("jobs", "job_id"),
        "DatabricksCluster" => ("clusters", "cluster_id"),
        "DatabricksClusterPolicy" => ("policies", "policy_id"),
        "DatabricksInstancePool" => ("instance_pools", "instance_pool_id"),
        "DatabricksPipeline" => ("statuses", "pipeline_id"),
        "DatabricksSqlWarehouse" => ("warehouses", "id"),
        "DatabricksSchema" => ("schemas", "full_name"),
        "DatabricksVolume" => ("volumes", "full_name"),
        "DatabricksExternalLocation" => ("external_locations", "name"),
        "DatabricksSecretScope" => ("scopes", "name"),
        "AirflowConnection" => ("connections", "connection_id"),
        "AirflowVariable" => ("variables", "key"),
        "AirflowPool" => ("pools", "name"),
        "AirflowDag" => ("dags", "dag_id"),
        other => panic!("say here where answers have the objects of {other}"),
    }
}

/// Goes through the objects of a kind in an answer: the rows of a listing, or the answer itself. Lists that only say
/// which objects are such and such are no readings of them.
pub fn objects(kind: &dyn Kind, call: &Call, body: &mut Value, mut see: impl FnMut(&mut Value)) {
    if call.system != kind.system() || call.query.iter().any(|(name, _)| name == "filter_by.is_pinned") {
        return;
    }
    let (list, id) = place(kind);
    // Much has an `id`.
    if kind.name() == "DatabricksSqlWarehouse" && !call.path.contains("/sql/warehouses") {
        return;
    }
    // Those of Unity Catalog have members of one name, and others have members of these names (SCIM: `schemas`).
    let is_unity = ["schemas", "volumes", "external_locations"].contains(&list);
    let collection = format!("/unity-catalog/{}", list.replace('_', "-"));
    if is_unity && !call.path.contains(&collection) || !is_unity && call.path.contains("/unity-catalog/") {
        return;
    }
    if let Some(rows) = body.get_mut(list).and_then(Value::as_array_mut) {
        rows.iter_mut().for_each(&mut see);
    } else if body.get(id).is_some() && !call.path.contains("permissions") && !call.path.contains("libraries") {
        see(body);
    }
}

/// Where in a row the spec is, as a JSON pointer.
pub fn spec_at(kind: &dyn Kind) -> &'static str {
    match kind.name() {
        "DatabricksJob" => "/settings",
        "DatabricksPipeline" => "/spec",
        _ => "",
    }
}

/// Whether a row, or an answer, is of the object of that id.
pub fn is(kind: &dyn Kind, row: &Value, id: &str) -> bool {
    match &row[place(kind).1] {
        Value::String(text) => text == id,
        Value::Number(number) => number.to_string() == id,
        _ => false,
    }
}

/// A refusal.
pub fn refusal(call: &Call, status: u16) -> ServiceError {
    ServiceError::Refused {
        line: call.line(),
        status,
        code: "REFUSED_BY_THE_TEST".into(),
        message: "no".into(),
        request_id: None,
        retry_after: None,
        doubt: None,
    }
}

/// Whether a call reads a part of an object that its listing leaves out.
pub fn is_detail(call: &Call) -> bool {
    call.system == System::Databricks
        && (call.path.contains("/permissions/")
            || call.path.contains("/unity-catalog/permissions/")
            || call.path.contains("cluster-status")
            || call.path.ends_with("/secrets/acls/list")
            || call.path.ends_with("/jobs/get")
            || call.query.iter().any(|(name, _)| name == "filter_by.is_pinned"))
}
