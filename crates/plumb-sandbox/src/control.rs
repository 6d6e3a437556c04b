//! The sandbox's own endpoints, under `/_sandbox/`: what a test turns and reads. They need no token.
//!
//! | call | does |
//! |---|---|
//! | `GET state`, `PUT state` | shows all the objects; replaces them |
//! | `POST seed` | adds objects (see [`super::databricks::seed`], [`super::airflow::seed`], [`super::emr::seed`]) and answers their ids |
//! | `GET clock`, `POST clock {"advance_seconds": n}` | the sandbox's time; moves it on, and all services with it (see [`super::play`]) |
//! | `GET settings`, `POST settings {…}`, `PUT settings {…}` | [`super::settings::SandboxSettings`]: shows, merges, replaces |
//! | `GET faults`, `POST faults {…}` or `[…]`, `DELETE faults` | [`super::faults::Fault`]: shows, adds, clears |
//! | `GET requests`, `DELETE requests` | the log of what was asked; forgets it |
//! | `POST revoke` | refuses every token presented or issued so far |

use super::{
    Shared,
    errors::{ApiError, Handled},
    faults::Fault,
    play,
    request::Request,
    store::Store,
};
use serde_json::{Value, json};

/// Answers a request whose path begins with `/_sandbox/`.
pub(super) fn handle(shared: &mut Shared, request: &Request) -> Handled {
    let segments = request.segments();
    match (request.method.as_str(), segments.get(1).copied().unwrap_or("")) {
        ("GET", "state") => Ok(shared.store.dump()),
        ("PUT", "state") => shared.store.restore(request.body.clone()).map(|()| json!({})).map_err(bad),
        ("POST", "seed") => seed(&mut shared.store, &request.body).map_err(bad),
        ("POST", "clock") => {
            let seconds = request.required_number("advance_seconds")?;
            play::advance(&mut shared.store, seconds);
            Ok(json!({ "now_ms": shared.store.now() }))
        }
        ("GET", "clock") => Ok(json!({ "now_ms": shared.store.now() })),
        ("GET", "settings") => Ok(json!(shared.store.settings)),
        ("POST" | "PATCH" | "PUT", "settings") => {
            let mut settings = if request.method == "PUT" { json!({}) } else { json!(shared.store.settings) };
            for (name, value) in request.object()? {
                settings[name] = value;
            }
            shared.store.settings = serde_json::from_value(settings).map_err(|e| bad(e.to_string()))?;
            Ok(json!(shared.store.settings))
        }
        ("GET", "requests") => Ok(shared.log.entries()),
        ("DELETE", "requests") => {
            shared.log.clear();
            Ok(json!({}))
        }
        ("GET", "faults") => Ok(json!(shared.faults)),
        ("POST", "faults") => {
            let rules = match &request.body {
                Value::Array(list) => list.clone(),
                one => vec![one.clone()],
            };
            for rule in rules {
                let fault: Fault = serde_json::from_value(rule).map_err(|e| bad(e.to_string()))?;
                shared.faults.push(fault);
            }
            Ok(json!(shared.faults))
        }
        ("DELETE", "faults") => {
            shared.faults.clear();
            Ok(json!({}))
        }
        ("POST", "revoke") => Ok(json!({ "revoked": shared.store.revoke() })),
        _ => Err(ApiError::endpoint(&request.method, &request.path)),
    }
}

fn bad(why: String) -> ApiError {
    ApiError::new(400, "BAD_REQUEST", why)
}

/// Adds the objects of a seed; each system reads its own lists of it. Airflow's stand under `airflow`,
/// EMR's under `emr`, those of S3 under `s3`, those of Google Cloud Storage under `gcs`.
pub fn seed(store: &mut Store, seed: &Value) -> Result<Value, String> {
    let mut databricks = seed.clone();
    let mut of = |name: &str| databricks.as_object_mut().and_then(|lists| lists.remove(name));
    let (airflow, emr, s3, gcs) = (of("airflow"), of("emr"), of("s3"), of("gcs"));
    let mut names = super::databricks::seed::add(store, &databricks)?;
    if let Some(airflow) = airflow {
        names["airflow"] = super::airflow::seed::add(store, &airflow)?;
    }
    if let Some(emr) = emr {
        names["emr"] = super::emr::seed::add(store, &emr)?;
    }
    if let Some(s3) = s3 {
        names["s3"] = super::s3::seed(store, &s3)?;
    }
    if let Some(gcs) = gcs {
        names["gcs"] = super::gcs::seed(store, &gcs)?;
    }
    Ok(names)
}
