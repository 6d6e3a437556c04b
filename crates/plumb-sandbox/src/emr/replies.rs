//! Errors of AWS in the shapes of its three protocols: JSON 1.1 (EMR), REST with JSON (EMR Serverless), query with
//! XML (STS). The members are those of botocore's models and of recorded answers.

use crate::answer::{Answer, Content};
use serde_json::{Value, json};

/// What a handler returns. `null` is an empty body, which is what operations without an output answer.
pub type AwsResult = Result<Value, Answer>;

/// The service that a request goes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AwsService {
    Clusters,
    Serverless,
    Identity,
    /// S3.
    Objects,
    /// Managed Workflows for Apache Airflow.
    Mwaa,
}

impl AwsService {
    /// The name in signatures.
    pub fn signing_name(self) -> &'static str {
        match self {
            AwsService::Clusters => "elasticmapreduce",
            AwsService::Serverless => "emr-serverless",
            AwsService::Identity => "sts",
            AwsService::Objects => "s3",
            AwsService::Mwaa => "airflow",
        }
    }

    fn media(self) -> &'static str {
        match self {
            AwsService::Clusters => "application/x-amz-json-1.1",
            AwsService::Serverless | AwsService::Mwaa => "application/json",
            AwsService::Identity => "text/xml",
            AwsService::Objects => "application/xml",
        }
    }

    /// A success in JSON.
    pub fn ok(self, body: &Value) -> Answer {
        let text = if body.is_null() { String::new() } else { body.to_string() };
        Answer { status: 200, content: Content::Amazon { media: self.media(), error: None, text }, retry_after: None }
    }

    /// A refusal in this service's protocol.
    pub fn refused(self, status: u16, code: &str, message: &str, request_id: &str) -> Answer {
        let text = match self {
            AwsService::Objects => return crate::s3::refused(status, code, message, "", request_id),
            AwsService::Clusters => json!({ "__type": code, "message": message }).to_string(),
            AwsService::Serverless | AwsService::Mwaa => json!({ "message": message }).to_string(),
            AwsService::Identity => format!(
                "<ErrorResponse xmlns=\"{STS}\">\n  <Error>\n    <Type>Sender</Type>\n    <Code>{}</Code>\n    \
                 <Message>{}</Message>\n  </Error>\n  <RequestId>{request_id}</RequestId>\n</ErrorResponse>\n",
                escaped(code),
                escaped(message)
            ),
        };
        // The query protocol names its errors in the body alone.
        let error = (self != AwsService::Identity).then(|| code.to_owned());
        Answer { status, content: Content::Amazon { media: self.media(), error, text }, retry_after: None }
    }
}

/// The namespace of STS's answers.
pub const STS: &str = "https://sts.amazonaws.com/doc/2011-06-15/";

/// A text inside of XML.
pub fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// STS's answer to who asks.
pub fn caller(account: &str, arn: &str, request_id: &str) -> Answer {
    let text = format!(
        "<GetCallerIdentityResponse xmlns=\"{STS}\">\n  <GetCallerIdentityResult>\n    <Arn>{}</Arn>\n    \
         <UserId>AIDAPLUMBSANDBOX00000</UserId>\n    <Account>{}</Account>\n  </GetCallerIdentityResult>\n  \
         <ResponseMetadata>\n    <RequestId>{request_id}</RequestId>\n  </ResponseMetadata>\n</GetCallerIdentityResponse>\n",
        escaped(arn),
        escaped(account)
    );
    Answer {
        status: 200,
        content: Content::Amazon { media: AwsService::Identity.media(), error: None, text },
        retry_after: None,
    }
}

/// EMR: 400 `ValidationException`, which the older operations answer.
pub fn validation(message: impl AsRef<str>) -> Answer {
    AwsService::Clusters.refused(400, "ValidationException", message.as_ref(), "")
}

/// EMR: 400 `InvalidRequestException`, which the newer operations answer, with a code of its own.
// Recorded: {"__type":"InvalidRequestException","ErrorCode":"NoSuchCluster","Message":"Cluster id 'j-1' is not valid."}
pub fn invalid(code: Option<&str>, message: impl AsRef<str>) -> Answer {
    let mut body = json!({ "__type": "InvalidRequestException" });
    if let Some(code) = code {
        body["ErrorCode"] = json!(code);
    }
    body["Message"] = json!(message.as_ref());
    let content = Content::Amazon {
        media: AwsService::Clusters.media(),
        error: Some("InvalidRequestException".to_owned()),
        text: body.to_string(),
    };
    Answer { status: 400, content, retry_after: None }
}

/// EMR: the cluster of a newer operation that is not known.
pub fn no_cluster(id: &str) -> Answer {
    invalid(Some("NoSuchCluster"), format!("Cluster id '{id}' is not valid."))
}

/// EMR Serverless: 400 `ValidationException`.
pub fn unfit(message: impl AsRef<str>) -> Answer {
    AwsService::Serverless.refused(400, "ValidationException", message.as_ref(), "")
}

/// EMR Serverless: 404 `ResourceNotFoundException`.
pub fn missing(message: impl AsRef<str>) -> Answer {
    AwsService::Serverless.refused(404, "ResourceNotFoundException", message.as_ref(), "")
}

/// EMR Serverless: 409 `ConflictException`.
pub fn conflict(message: impl AsRef<str>) -> Answer {
    AwsService::Serverless.refused(409, "ConflictException", message.as_ref(), "")
}

/// What a fault answers that only names a status. Throttling is 400 in EMR (re:Post, "EMR API throttling"), and
/// 429 in EMR Serverless.
pub fn made_up(place: &str, status: u16, request_id: &str) -> Answer {
    let api = super::api_of(place);
    let words = format!("A fault of the sandbox: {status}");
    let (status, code, message) = match (status, api) {
        (429 | 503, AwsService::Objects) => (503, "SlowDown", "Please reduce your request rate.".to_owned()),
        (404, AwsService::Objects) => (404, "NoSuchKey", "The specified key does not exist.".to_owned()),
        (401 | 403, AwsService::Objects) => (403, "AccessDenied", "Access Denied".to_owned()),
        (500.., AwsService::Objects) => {
            (status, "InternalError", "We encountered an internal error. Please try again.".to_owned())
        }
        (_, AwsService::Objects) => (status, "InvalidRequest", words),
        (400 | 429, AwsService::Clusters) => (400, "ThrottlingException", "Rate exceeded".to_owned()),
        (429, AwsService::Serverless | AwsService::Mwaa) => (429, "ThrottlingException", "Rate exceeded".to_owned()),
        (429, AwsService::Identity) => (400, "Throttling", "Rate exceeded".to_owned()),
        (401 | 403, _) => {
            (403, if api == AwsService::Identity { "AccessDenied" } else { "AccessDeniedException" }, words)
        }
        (404, AwsService::Serverless | AwsService::Mwaa) => (404, "ResourceNotFoundException", words),
        (409, AwsService::Serverless) => (409, "ConflictException", words),
        (503, _) => (503, "ServiceUnavailable", words),
        (500.., _) => {
            (status, if api == AwsService::Identity { "InternalFailure" } else { "InternalServerException" }, words)
        }
        _ => (status, "ValidationException", words),
    };
    api.refused(status, code, &message, request_id)
}

/// A time in JSON: seconds since 1970 as a number.
pub fn time(ms: i64) -> Value {
    // Milliseconds are the precision; whole seconds are written as AWS writes them, with a point.
    #[allow(clippy::cast_precision_loss)]
    let seconds = ms as f64 / 1000.0;
    json!(seconds)
}
