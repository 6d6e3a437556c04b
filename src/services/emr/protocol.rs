//! How a call looks on the wire. Pure.
//!
//! Facts: botocore's service models `emr/2009-03-31` (JSON 1.1, target prefix `ElasticMapReduce`),
//! `emr-serverless/2021-07-13` (REST with JSON), `sts/2011-06-15` (query, answers in XML) and `pricing/2017-10-15` (JSON 1.1,
//! target prefix `AWSPriceListService`; its endpoints are in three regions, and have the prices of all).

use plumb_model::call::{Call, Method};
use plumb_model::text::percent_encoded;
use serde_json::{Map, Value};

/// The services that are asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum EmrApi {
    Clusters,
    Serverless,
    Identity,
    Prices,
}

impl EmrApi {
    /// The name in signatures, host names and permissions.
    pub(super) fn signing_name(self) -> &'static str {
        match self {
            EmrApi::Clusters => "elasticmapreduce",
            EmrApi::Serverless => "emr-serverless",
            EmrApi::Identity => "sts",
            EmrApi::Prices => "pricing",
        }
    }

    /// The name that messages use.
    pub(super) fn name(self) -> &'static str {
        match self {
            EmrApi::Clusters => "EMR",
            EmrApi::Serverless => "EMR Serverless",
            EmrApi::Identity => "STS",
            EmrApi::Prices => "the price list of AWS",
        }
    }

    /// The variable that names another endpoint (AWS SDKs and tools reference guide, "Service-specific endpoints").
    pub(super) fn variable(self) -> &'static str {
        match self {
            EmrApi::Clusters => "AWS_ENDPOINT_URL_EMR",
            EmrApi::Serverless => "AWS_ENDPOINT_URL_EMR_SERVERLESS",
            EmrApi::Identity => "AWS_ENDPOINT_URL_STS",
            EmrApi::Prices => "AWS_ENDPOINT_URL_PRICING",
        }
    }

    /// The host's name without the domain, for a region.
    pub(super) fn host(self, region: &str) -> String {
        match self {
            EmrApi::Prices => format!("api.pricing.{}", self.region(region)),
            _ => format!("{}.{region}", self.signing_name()),
        }
    }

    /// The region that is asked about another one.
    pub(super) fn region(self, region: &str) -> &str {
        match self {
            EmrApi::Prices if region.starts_with("eu-") => "eu-central-1",
            EmrApi::Prices if region.starts_with("ap-") => "ap-south-1",
            EmrApi::Prices => "us-east-1",
            _ => region,
        }
    }
}

/// A request, before it is addressed and signed.
#[derive(Debug, PartialEq)]
pub(super) struct Wire {
    pub api: EmrApi,
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
        "elasticmapreduce" => operation(call, rest, EmrApi::Clusters, "ElasticMapReduce"),
        "pricing" => operation(call, rest, EmrApi::Prices, "AWSPriceListService"),
        "emr-serverless" => serverless(call, rest),
        "sts" if is_operation(rest) => Ok(Wire {
            api: EmrApi::Identity,
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
fn operation(call: &Call, operation: &str, api: EmrApi, prefix: &str) -> Result<Wire, String> {
    if !is_operation(operation) || call.method != Method::Post {
        return Err(format!("`{}` is no operation of {}", call.line(), api.name()));
    }
    let mut body = match &call.body {
        Some(Value::Object(members)) => members.clone(),
        None | Some(Value::Null) => Map::new(),
        Some(_) => return Err("the parameters are no object".to_owned()),
    };
    body.extend(call.query.iter().map(|(name, value)| (name.clone(), Value::String(value.clone()))));
    Ok(Wire {
        api,
        method: Method::Post,
        target: "/".to_owned(),
        headers: vec![
            ("content-type", "application/x-amz-json-1.1".to_owned()),
            ("x-amz-target", format!("{prefix}.{operation}")),
        ],
        body: Value::Object(body).to_string().into_bytes(),
        action: format!("{}:{operation}", api.signing_name()),
    })
}

fn serverless(call: &Call, path: &str) -> Result<Wire, String> {
    // Parts of a path are ids, which need no encoding, or ARNs, which are encoded already.
    if !path.split('/').all(is_encoded) {
        return Err(format!("the path `{}` holds what is neither an id nor encoded", call.path));
    }
    let mut query: Vec<String> = call
        .query
        .iter()
        .map(|(name, value)| format!("{}={}", percent_encoded(name), percent_encoded(value)))
        .collect();
    query.sort();
    let question = if query.is_empty() { "" } else { "?" };
    let body = call.body.as_ref().map(|body| body.to_string().into_bytes()).unwrap_or_default();
    let headers = if body.is_empty() { Vec::new() } else { vec![("content-type", "application/json".to_owned())] };
    let is_read = call.method == Method::Get;
    let action = match path.split('/').collect::<Vec<_>>()[..] {
        ["applications"] if is_read => "emr-serverless:ListApplications",
        ["applications", _] if is_read => "emr-serverless:GetApplication",
        ["applications", _, "jobruns"] if is_read => "emr-serverless:ListJobRuns",
        ["applications", _, "jobruns", _] if is_read => "emr-serverless:GetJobRun",
        ["applications", _] if call.method == Method::Delete => "emr-serverless:DeleteApplication",
        ["applications", _, "stop"] if call.method == Method::Post => "emr-serverless:StopApplication",
        ["tags", _] if is_read => "emr-serverless:ListTagsForResource",
        ["tags", _] if call.method == Method::Post => "emr-serverless:TagResource",
        ["tags", _] if call.method == Method::Delete => "emr-serverless:UntagResource",
        _ => "one of emr-serverless",
    };
    Ok(Wire {
        api: EmrApi::Serverless,
        method: call.method,
        target: format!("/{path}{question}{}", query.join("&")),
        headers,
        body,
        action: action.to_owned(),
    })
}

/// Whether a part of a path means itself: nothing in it is encoded that need not be, and all of it that has to be. What a
/// URL's rules would take out of a path (`..`) is none.
fn is_encoded(part: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-._~".contains(&b);
    let mut escaped = part.split('%');
    let is_plain = escaped.next().is_some_and(|head| head.bytes().all(plain));
    let is_escape = |text: &str| {
        let (Some(code), Some(rest)) = (text.get(..2), text.get(2..)) else { return false };
        let byte = u8::from_str_radix(code, 16).ok().filter(|b| code == format!("{b:02X}"));
        byte.is_some_and(|b| !plain(b)) && rest.bytes().all(plain)
    };
    is_plain && escaped.all(is_escape) && !matches!(part, "" | "." | "..")
}

/// The target that a request is signed for. Every service but S3 has the path of a request, as it is sent, encoded once
/// more (AWS, "Create a signed AWS API request", canonical URI); reqsign signs as S3 wants it: it takes one encoding off
/// and puts one on.
pub(super) fn signed_target(target: &str) -> String {
    let (path, query) = target.split_once('?').map_or((target, None), |(path, query)| (path, Some(query)));
    let path: Vec<String> = path.split('/').map(percent_encoded).collect();
    query.map_or_else(|| path.join("/"), |query| format!("{}?{query}", path.join("/")))
}

fn is_operation(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric())
}

#[cfg(test)]
mod tests {
    use super::*;
    use plumb_model::call::System;
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
    fn prices_are_asked_where_there_is_an_endpoint_for_them() {
        let call = Call::set(System::Emr, Method::Post, "/pricing/GetProducts", json!({ "ServiceCode": "AmazonEC2" }));
        let wire = wire(&call).unwrap();
        assert_eq!(wire.headers[1], ("x-amz-target", "AWSPriceListService.GetProducts".to_owned()));
        assert_eq!((wire.api, wire.action.as_str()), (EmrApi::Prices, "pricing:GetProducts"));
        for (region, asked) in [
            ("eu-west-2", "eu-central-1"),
            ("ap-southeast-1", "ap-south-1"),
            ("us-west-2", "us-east-1"),
            ("sa-east-1", "us-east-1"),
        ] {
            assert_eq!(EmrApi::Prices.region(region), asked);
            assert_eq!(EmrApi::Prices.host(region), format!("api.pricing.{asked}"));
        }
        assert_eq!(EmrApi::Clusters.host("eu-west-2"), "elasticmapreduce.eu-west-2");
    }

    #[test]
    fn serverless_is_asked_by_path() {
        let call = Call::get(System::Emr, "/emr-serverless/applications/00f1/jobruns").query("nextToken", "a/b=");
        let wire = wire(&call).unwrap();
        assert_eq!(wire.target, "/applications/00f1/jobruns?nextToken=a%2Fb%3D");
        assert_eq!((wire.body.len(), wire.action.as_str()), (0, "emr-serverless:ListJobRuns"));
    }

    #[test]
    fn an_arn_is_sent_as_one_part_and_signed_with_its_encoding_encoded() {
        let arn = "arn:aws:emr-serverless:eu-west-1:123456789012:/applications/00f1";
        let path = format!("/emr-serverless/tags/{}", percent_encoded(arn));
        let mut call = Call::delete(System::Emr, path);
        call.query = vec![("tagKeys".into(), "b c".into()), ("tagKeys".into(), "a".into())];
        let wire = wire(&call).unwrap();
        // As botocore 1.44.5 sends it (serialize.py: `percent_encode` with nothing but `-._~` left).
        let tags = "/tags/arn%3Aaws%3Aemr-serverless%3Aeu-west-1%3A123456789012%3A%2Fapplications%2F00f1";
        assert_eq!(wire.target, format!("{tags}?tagKeys=a&tagKeys=b%20c"));
        assert_eq!(wire.action, "emr-serverless:UntagResource");
        assert_eq!(signed_target(&wire.target), format!("{}?tagKeys=a&tagKeys=b%20c", tags.replace('%', "%25")));
        assert_eq!(signed_target("/"), "/");
    }

    #[test]
    fn what_is_no_operation_is_not_sent() {
        let odd = ["%2f", "%41", "%4", "%", "a%zz", "é", "%C3é", ".", "..", "a b", "", "a:b"];
        for part in odd {
            assert!(wire(&Call::get(System::Emr, format!("/emr-serverless/tags/{part}"))).is_err(), "{part}");
        }
        for path in ["", "/", "/elasticmapreduce/", "/elasticmapreduce/A:B", "/ec2/X", "/emr-serverless/a/../b"] {
            assert!(wire(&Call::set(System::Emr, Method::Post, path, json!({}))).is_err(), "{path}");
        }
        assert!(wire(&Call::get(System::Emr, "/elasticmapreduce/ListSteps")).is_err());
    }
}
