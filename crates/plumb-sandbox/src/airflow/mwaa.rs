//! Amazon MWAA in front of the emulated Airflow: the environment's description, web login tokens and the sessions for them,
//! and requests that are passed on.
//!
//! Shapes are those of botocore's model `mwaa/2020-07-01`; lifetimes, limits and paths those of the MWAA user guide, "Using the
//! Apache Airflow REST API". It tells that a call that takes longer than ten seconds, or answers more than 6 MB, ends in an
//! error, and not in which: the setting `too_much` names one.

use super::{AirflowOptions, ApiVersion, auth};
use crate::answer::{Answer, Content};
use crate::emr::replies::{AwsService, time};
use crate::request::Request;
use crate::store::Store;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::net::SocketAddr;

/// How long a web login token is taken, in milliseconds (MWAA user guide: 60 seconds).
const LOGIN_MS: i64 = 60_000;

/// How long a session is taken (MWAA user guide: 12 hours).
const SESSION_SECONDS: i64 = 12 * 3600;

/// How MWAA is to be emulated. It needs an Airflow and the address of EMR, where its API is.
#[derive(Clone, Debug, PartialEq)]
pub struct MwaaOptions {
    /// The environment's name.
    pub name: String,
}

/// The settings, read and merged through `/_sandbox/settings` under `mwaa`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MwaaSettings {
    /// `AVAILABLE`, `UPDATING`, `MAINTENANCE`, …
    pub status: String,
    /// Why the last update failed.
    pub trouble: Option<String>,
    /// `PUBLIC_ONLY`, or `PRIVATE_ONLY`: then nothing answers at the web server's address.
    pub access: String,
    /// The region that the environment is in.
    pub region: String,
    /// The bucket of DAGs, and the path in it.
    pub bucket: String,
    /// The path in the bucket.
    pub dags: String,
    /// The operations that callers may not do: `InvokeRestApi`.
    pub denied: Vec<String>,
    /// How many bytes an answer that is passed on may have.
    pub most_bytes: usize,
    /// How many rows an answer that is passed on may have: more take longer than ten seconds.
    pub most_rows: Option<usize>,
    /// The longest path that is passed on. The API reference documents 64; `null`: any, as Airflow's own sensor sends longer
    /// ones (`MwaaDagRunSensor`).
    pub longest_path: Option<usize>,
    /// The error that what is too much ends in: `RestApiServerException`, `InternalServerException`, …
    pub too_much: String,
    /// Whether the environment is older than `InvokeRestApi`.
    pub outdated: bool,
}

impl Default for MwaaSettings {
    fn default() -> Self {
        MwaaSettings {
            status: "AVAILABLE".to_owned(),
            trouble: None,
            access: "PUBLIC_ONLY".to_owned(),
            region: crate::emr::REGION.to_owned(),
            bucket: "plumb-mwaa".to_owned(),
            dags: "dags".to_owned(),
            denied: Vec::new(),
            most_bytes: 6 << 20,
            most_rows: None,
            longest_path: None,
            too_much: "RestApiServerException".to_owned(),
            outdated: false,
        }
    }
}

/// The environment that is emulated. It is not saved: the next sandbox has other addresses.
#[derive(Debug)]
pub(crate) struct MwaaServed {
    pub name: String,
    pub web_server: SocketAddr,
    /// The login tokens that were given out, and until when they are taken.
    pub logins: BTreeMap<String, i64>,
}

impl MwaaServed {
    /// An environment whose web server is there.
    pub fn new(name: &str, web_server: SocketAddr) -> Self {
        MwaaServed { name: name.to_owned(), web_server, logins: BTreeMap::new() }
    }
}

/// The request that a request to MWAA passes on, if it does.
pub(crate) fn inner(store: &Store, request: &Request) -> Option<Request> {
    if request.method != "POST" || !request.path.starts_with("/mwaa/restapi/") {
        return None;
    }
    let api = if store.settings.airflow.version == 2 { "v1" } else { "v2" };
    let text = |name: &str| request.body[name].as_str().unwrap_or_default();
    let path = format!("/api/{api}{}", crate::request::decode(text("Path")));
    let mut inner = Request::internal(text("Method"), "", "", request.body["Body"].clone());
    inner.path = path;
    for (name, value) in request.body["QueryParameters"].as_object().into_iter().flatten() {
        let all = value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice);
        let plain = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        inner.query.extend(all.iter().map(|value| (name.clone(), plain(value))));
    }
    Some(inner)
}

/// Answers one request whose signature is right, for a region.
pub(crate) fn handle(store: &mut Store, airflow: Option<&AirflowOptions>, region: &str, request: &Request) -> Answer {
    let refused = |status: u16, code: &str, message: &str| AwsService::Mwaa.refused(status, code, message, &request.id);
    let segments = request.segments();
    let (operation, name) = match (request.method.as_str(), &segments[1..]) {
        ("GET", ["environments", name]) => ("GetEnvironment", *name),
        ("POST", ["webtoken", name]) => ("CreateWebLoginToken", *name),
        ("POST", ["restapi", name]) => ("InvokeRestApi", *name),
        _ => return refused(404, "UnknownOperationException", ""),
    };
    let settings = store.settings.mwaa.clone();
    if settings.denied.iter().any(|denied| denied == operation) {
        let account = &store.emr.account;
        let resource =
            if operation == "GetEnvironment" { format!("environment/{name}") } else { format!("role/{name}/Admin") };
        let message = format!(
            "User: arn:aws:iam::{account}:user/{} is not authorized to perform: airflow:{operation} on resource: \
             arn:aws:airflow:{region}:{account}:{resource} because no identity-based policy allows the airflow:{operation} \
             action",
            crate::emr::KEY
        );
        return refused(403, "AccessDeniedException", &message);
    }
    let served = store.mwaa.as_ref().filter(|served| served.name == name && settings.region == region);
    let Some(web_server) = served.map(|served| served.web_server) else {
        return refused(404, "ResourceNotFoundException", &format!("No environment found with name '{name}'."));
    };
    // From outside of the VPC nothing answers there.
    let hostname = if settings.access == "PRIVATE_ONLY" { "127.0.0.1:1".to_owned() } else { web_server.to_string() };
    match operation {
        "GetEnvironment" => {
            AwsService::Mwaa.ok(&json!({ "Environment": described(store, &settings, name, &hostname) }))
        }
        "CreateWebLoginToken" => {
            let token = format!("login.{}.mwaa", Store::scrambled(store.serial()));
            let until = store.now() + LOGIN_MS;
            if let Some(served) = &mut store.mwaa {
                served.logins.insert(token.clone(), until);
            }
            AwsService::Mwaa.ok(&json!({
                "WebToken": token, "WebServerHostname": hostname, "IamIdentity": format!("user/{}", crate::emr::KEY),
                "AirflowIdentity": crate::emr::KEY,
            }))
        }
        _ => invoke(store, airflow, &settings, request),
    }
}

fn described(store: &Store, settings: &MwaaSettings, name: &str, hostname: &str) -> Value {
    let arn =
        |service: &str, rest: String| format!("arn:aws:{service}:{}:{}:{rest}", settings.region, store.emr.account);
    let mut last = json!({ "Status": "SUCCESS", "CreatedAt": time(1_767_225_600_000) });
    if let Some(trouble) = &settings.trouble {
        last["Status"] = json!("FAILED");
        last["Error"] = json!({ "ErrorCode": "INCORRECT_CONFIGURATION", "ErrorMessage": trouble });
    }
    json!({
        "Name": name, "Arn": arn("airflow", format!("environment/{name}")), "Status": settings.status,
        "CreatedAt": time(1_767_225_600_000), "WebserverUrl": hostname, "WebserverAccessMode": settings.access,
        "AirflowVersion": if store.settings.airflow.version == 2 { "2.11.0" } else { "3.0.6" },
        "SourceBucketArn": format!("arn:aws:s3:::{}", settings.bucket), "DagS3Path": settings.dags,
        "ExecutionRoleArn": format!("arn:aws:iam::{}:role/service-role/mwaa", store.emr.account),
        "EnvironmentClass": "mw1.small", "MinWorkers": 1, "MaxWorkers": 10, "Schedulers": 2,
        "WeeklyMaintenanceWindowStart": "TUE:03:30", "LastUpdate": last, "Tags": {},
    })
}

/// Answers the exchange of a login token for a session, where the environment's version has it.
pub(crate) fn login(store: &mut Store, api: ApiVersion, request: &Request) -> Answer {
    let token = request.body["token"].as_str().unwrap_or_default();
    let now = store.now();
    let known = store.mwaa.as_mut().and_then(|served| served.logins.remove(token));
    if known.is_none_or(|until| now >= until) {
        return Answer {
            status: 401,
            content: Content::Html("<html>Unauthorized</html>".to_owned()),
            retry_after: None,
        };
    }
    let session = auth::issue(store, crate::emr::KEY, SESSION_SECONDS);
    let name = if api == ApiVersion::V2 { "_token" } else { "session" };
    let cookie = ("set-cookie", format!("{name}={session}; Path=/; Secure; HttpOnly; SameSite=Lax"));
    let content =
        Content::Object { media: "text/html".into(), headers: vec![cookie], bytes: b"<html></html>".to_vec() };
    Answer { status: 200, content, retry_after: None }
}

fn invoke(store: &mut Store, airflow: Option<&AirflowOptions>, settings: &MwaaSettings, request: &Request) -> Answer {
    let refused = |status: u16, code: &str, message: &str| AwsService::Mwaa.refused(status, code, message, &request.id);
    if settings.outdated {
        return refused(400, "ValidationException", "Update your environment to use InvokeRestApi");
    }
    let (Some(method), Some(path)) = (request.body["Method"].as_str(), request.body["Path"].as_str()) else {
        return refused(400, "ValidationException", "1 validation error detected: Value null at 'path' or 'method'");
    };
    if !["GET", "PUT", "POST", "PATCH", "DELETE"].contains(&method) {
        let message = "1 validation error detected: Value at 'method' failed to satisfy constraint: Member must satisfy enum \
                       value set: [GET, PUT, POST, PATCH, DELETE]";
        return refused(400, "ValidationException", message);
    }
    if let Some(longest) = settings.longest_path.filter(|longest| path.len() > *longest) {
        let message = format!(
            "1 validation error detected: Value at 'path' failed to satisfy constraint: Member must have length less than or \
             equal to {longest}"
        );
        return refused(400, "ValidationException", &message);
    }
    let Some(mut inner) = inner(store, request) else { return refused(400, "ValidationException", "") };
    let session = auth::issue(store, crate::emr::KEY, SESSION_SECONDS);
    inner.authorization = Some(format!("Bearer {session}"));
    inner.cookie = Some(format!("session={session}"));
    let access = airflow.map(|airflow| airflow.access.clone()).unwrap_or_default();
    let answer = super::handle(store, &access, &mut inner, false);
    let status = answer.status;
    let own = match answer.content {
        Content::Json(body) | Content::Problem(body) => body,
        Content::Nothing => json!({}),
        Content::Html(text) | Content::Plain(text) => json!(text),
        _ => json!(""),
    };
    let rows = own.as_object().into_iter().flatten().filter_map(|(_, value)| value.as_array()).map(Vec::len).max();
    let slow = settings.most_rows.zip(rows).is_some_and(|(most, rows)| rows > most);
    if slow || own.to_string().len() > settings.most_bytes {
        let message = if slow { "The request timed out" } else { "The response payload size exceeds 6 MB" };
        return if settings.too_much.starts_with("RestApi") {
            of_airflow(&settings.too_much, 500, json!({ "message": message }))
        } else {
            refused(500, &settings.too_much, message)
        };
    }
    match status {
        ..400 => AwsService::Mwaa.ok(&json!({ "RestApiStatusCode": status, "RestApiResponse": own })),
        400..500 => of_airflow("RestApiClientException", status, own),
        _ => of_airflow("RestApiServerException", status, own),
    }
}

/// What Airflow refused: both exceptions are 400 in botocore's model.
fn of_airflow(code: &str, status: u16, own: Value) -> Answer {
    let text = json!({ "RestApiStatusCode": status, "RestApiResponse": own }).to_string();
    let content = Content::Amazon { media: "application/json", error: Some(code.to_owned()), text };
    Answer { status: 400, content, retry_after: None }
}

/// The value of a cookie.
pub(crate) fn cookie<'r>(request: &'r Request, name: &str) -> Option<&'r str> {
    let all = request.cookie.as_deref()?.split(';');
    all.filter_map(|one| one.trim().split_once('=')).find(|(known, _)| *known == name).map(|(_, value)| value)
}
