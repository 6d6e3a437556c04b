//! How a call looks on the wire. Pure.
//!
//! Facts: botocore's service models `emr/2009-03-31` (JSON 1.1, target prefix `ElasticMapReduce`),
//! `emr-serverless/2021-07-13` (REST with JSON) and `sts/2011-06-15` (query, answers in XML).

use crate::call::{Call, Method, percent_encoded};
use serde_json::{Map, Value};

/// The services that are asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Api {
    Clusters,
    Serverless,
    Identity,
}

impl Api {
    /// The name in signatures, host names and permissions.
    pub(super) fn signing_name(self) -> &'static str {
        match self {
            Api::Clusters => "elasticmapreduce",
            Api::Serverless => "emr-serverless",
            Api::Identity => "sts",
        }
    }

    /// The name that messages use.
    pub(super) fn name(self) -> &'static str {
        match self {
            Api::Clusters => "EMR",
            Api::Serverless => "EMR Serverless",
            Api::Identity => "STS",
        }
    }

    /// The variable that names another endpoint (AWS SDKs and tools reference guide, "Service-specific endpoints").
    pub(super) fn variable(self) -> &'static str {
        match self {
            Api::Clusters => "AWS_ENDPOINT_URL_EMR",
            Api::Serverless => "AWS_ENDPOINT_URL_EMR_SERVERLESS",
            Api::Identity => "AWS_ENDPOINT_URL_STS",
        }
    }
}

/// A request, before it is addressed and signed.
#[derive(Debug, PartialEq)]
pub(super) struct Wire {
    pub api: Api,
    pub method: Method,
    /// Path and query.
    pub target: String,
    pub headers: Vec<(&'static str, String)>,
    pub body: Vec<u8>,
    /// The permission that it takes: `elasticmapreduce:ListClusters`.
    pub action: String,
}

/// What a call becomes, or why it cannot be sent.
pub(super) fn wire(call: &Call) -> Result<Wire, String> {
    let unknown = || format!("the path `{}` begins with the name of no service", call.path);
    let (service, rest) = call.path.strip_prefix('/').and_then(|path| path.split_once('/')).ok_or_else(unknown)?;
    match service {
        "elasticmapreduce" => clusters(call, rest),
        "emr-serverless" => serverless(call, rest),
        "sts" if is_operation(rest) => Ok(Wire {
            api: Api::Identity,
            method: Method::Post,
            target: "/".to_owned(),
            headers: vec![("content-type", "application/x-www-form-urlencoded; charset=utf-8".to_owned())],
            body: format!("Action={rest}&Version=2011-06-15").into_bytes(),
            action: format!("sts:{rest}"),
        }),
        _ => Err(unknown()),
    }
}

/// The operation is a header and all its parameters are the body: those of the query go there too.
fn clusters(call: &Call, operation: &str) -> Result<Wire, String> {
    if !is_operation(operation) || call.method != Method::Post {
        return Err(format!("`{}` is no operation of EMR", call.line()));
    }
    let mut body = match &call.body {
        Some(Value::Object(members)) => members.clone(),
        None | Some(Value::Null) => Map::new(),
        Some(_) => return Err("the parameters are no object".to_owned()),
    };
    body.extend(call.query.iter().map(|(name, value)| (name.clone(), Value::String(value.clone()))));
    Ok(Wire {
        api: Api::Clusters,
        method: Method::Post,
        target: "/".to_owned(),
        headers: vec![
            ("content-type", "application/x-amz-json-1.1".to_owned()),
            ("x-amz-target", format!("ElasticMapReduce.{operation}")),
        ],
        body: Value::Object(body).to_string().into_bytes(),
        action: format!("elasticmapreduce:{operation}"),
    })
}

fn serverless(call: &Call, path: &str) -> Result<Wire, String> {
    if !path.split('/').all(is_part) {
        return Err(format!("the path `{}` holds what is no id", call.path));
    }
    let mut query: Vec<String> = call
        .query
        .iter()
        .map(|(name, value)| format!("{}={}", percent_encoded(name), percent_encoded(value)))
        .collect();
    query.sort();
    let question = if query.is_empty() { "" } else { "?" };
    let body = call.body.as_ref().map(|body| body.to_string().into_bytes()).unwrap_or_default();
    let headers = match body.is_empty() {
        true => Vec::new(),
        false => vec![("content-type", "application/json".to_owned())],
    };
    let action = match (call.method, &path.split('/').collect::<Vec<_>>()[..]) {
        (Method::Get, ["applications"]) => "emr-serverless:ListApplications",
        (Method::Get, ["applications", _]) => "emr-serverless:GetApplication",
        (Method::Get, ["applications", _, "jobruns"]) => "emr-serverless:ListJobRuns",
        (Method::Get, ["applications", _, "jobruns", _]) => "emr-serverless:GetJobRun",
        (Method::Post, ["applications", _, "stop"]) => "emr-serverless:StopApplication",
        (Method::Delete, ["applications", _]) => "emr-serverless:DeleteApplication",
        (Method::Post, ["tags", _]) => "emr-serverless:TagResource",
        (Method::Delete, ["tags", _]) => "emr-serverless:UntagResource",
        _ => "one of emr-serverless",
    };
    Ok(Wire {
        api: Api::Serverless,
        method: call.method,
        target: format!("/{path}{question}{}", query.join("&")),
        headers,
        body,
        action: action.to_owned(),
    })
}

/// Whether a part of a path is an id, or an encoded ARN. Neither has a dot, so none means another place.
fn is_part(part: &str) -> bool {
    let mut pieces = part.split('%');
    let plain = |text: &str| text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    let first = pieces.next().is_some_and(plain);
    // What has a `%` begins with the colon and the slash of an ARN, and with nothing else.
    !part.is_empty()
        && first
        && pieces.all(|piece| (piece.starts_with("3A") || piece.starts_with("2F")) && plain(piece))
}

/// The address that is signed for one that is sent. What AWS's services (S3 apart) check has the path encoded once more
/// (IAM user guide, "Create a signed AWS API request", canonical URI), and the library signs a path as S3 does.
pub(super) fn to_sign(target: &str) -> String {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let question = if query.is_empty() { "" } else { "?" };
    format!("{}{question}{query}", path.replace('%', "%25"))
}

fn is_operation(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::call::System;
    use serde_json::json;

    #[test]
    fn an_operation_is_a_header_and_its_parameters_are_the_body() {
        let call = Call::set(System::Emr, Method::Post, "/elasticmapreduce/ListSteps", json!({ "ClusterId": "j-1" }));
        let wire = wire(&call.query("Marker", "a b")).unwrap();
        assert_eq!((wire.target.as_str(), wire.action.as_str()), ("/", "elasticmapreduce:ListSteps"));
        assert_eq!(wire.headers[1], ("x-amz-target", "ElasticMapReduce.ListSteps".to_owned()));
        assert_eq!(serde_json::from_slice::<Value>(&wire.body).unwrap(), json!({"ClusterId": "j-1", "Marker": "a b"}));
    }

    #[test]
    fn serverless_is_asked_by_path() {
        let call = Call::get(System::Emr, "/emr-serverless/applications/00f1/jobruns").query("nextToken", "a/b=");
        let wire = wire(&call).unwrap();
        assert_eq!(wire.target, "/applications/00f1/jobruns?nextToken=a%2Fb%3D");
        assert_eq!((wire.body.len(), wire.action.as_str()), (0, "emr-serverless:ListJobRuns"));
    }

    #[test]
    fn an_arn_is_a_part_of_a_path_and_is_signed_encoded_twice() {
        let path = "/tags/arn%3Aaws%3Aemr-serverless%3Aeu-west-1%3A1%3A%2Fapplications%2F00f1";
        let wire = wire(&Call::delete(System::Emr, format!("/emr-serverless{path}")).query("tagKeys", "a b")).unwrap();
        assert_eq!(wire.target, format!("{path}?tagKeys=a%20b"));
        assert_eq!(to_sign(&wire.target), format!("{}?tagKeys=a%20b", path.replace('%', "%25")));
    }

    #[test]
    fn what_is_no_operation_is_not_sent() {
        let dots = "/emr-serverless/tags/%2E%2E";
        for path in ["", "/", "/elasticmapreduce/", "/elasticmapreduce/A:B", "/ec2/X", "/emr-serverless/a/../b", dots] {
            assert!(wire(&Call::set(System::Emr, Method::Post, path, json!({}))).is_err(), "{path}");
        }
        assert!(wire(&Call::get(System::Emr, "/elasticmapreduce/ListSteps")).is_err());
    }
}
