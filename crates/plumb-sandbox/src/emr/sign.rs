//! Signature Version 4, verified as AWS does (IAM user guide, "Create a signed AWS API request").
//!
//! The emulator knows one pair of keys, [`super::KEY`] and [`super::SECRET`]. The time of a signature is not checked:
//! the sandbox's clock may be anywhere.

use super::replies::AwsService;
use crate::request::{Raw, decode};
use hmac::{Hmac, KeyInit, Mac};
use plumb_model::text::percent_encoded;
use sha2::{Digest, Sha256};

/// Why a request is not believed: a code and a message.
pub type SignatureError = (&'static str, String);

/// What a signature says of a request.
#[derive(Debug, PartialEq)]
struct Claim<'r> {
    key: &'r str,
    date: &'r str,
    region: &'r str,
    service: &'r str,
    headers: Vec<&'r str>,
    signature: &'r str,
}

fn claim(authorization: &str) -> Option<Claim<'_>> {
    let rest = authorization.strip_prefix("AWS4-HMAC-SHA256")?;
    let part =
        |name: &str| rest.split(',').find_map(|part| part.trim().strip_prefix(name)?.strip_prefix('=')).map(str::trim);
    let scope: Vec<&str> = part("Credential")?.split('/').collect();
    let [key, date, region, service, "aws4_request"] = scope[..] else { return None };
    let headers = part("SignedHeaders")?.split(';').collect();
    Some(Claim { key, date, region, service, headers, signature: part("Signature")? })
}

/// The region that a request was signed for, once the signature is found right.
pub fn verify(api: AwsService, raw: &Raw) -> Result<String, SignatureError> {
    let [missing, incomplete, unknown] = match api {
        AwsService::Identity => ["MissingAuthenticationToken", "IncompleteSignature", "InvalidClientTokenId"],
        AwsService::Objects => ["AccessDenied", "AuthorizationHeaderMalformed", "InvalidAccessKeyId"],
        AwsService::Clusters | AwsService::Serverless | AwsService::Mwaa => {
            ["MissingAuthenticationTokenException", "IncompleteSignatureException", "UnrecognizedClientException"]
        }
    };
    let Some(authorization) = raw.header("authorization") else {
        return Err((missing, "Missing Authentication Token".to_owned()));
    };
    let incomplete = |why: &str| (incomplete, format!("{why} Authorization={authorization}"));
    let claim = claim(authorization)
        .ok_or_else(|| incomplete("Authorization header requires 'Credential', 'Signature' and 'SignedHeaders'."))?;
    let date = raw.header("x-amz-date").ok_or_else(|| {
        incomplete("Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header.")
    })?;
    if claim.key != super::KEY {
        let message = match api {
            AwsService::Objects => "The AWS Access Key Id you provided does not exist in our records.",
            _ => "The security token included in the request is invalid.",
        };
        return Err((unknown, message.to_owned()));
    }
    let wrong = |why: String| ("SignatureDoesNotMatch", why);
    if claim.service != api.signing_name() {
        let service = api.signing_name();
        return Err(wrong(format!("Credential should be scoped to correct service: '{service}'. ")));
    }
    // A header that changes what is asked has to be signed.
    let unsigned =
        ["host", "x-amz-target"].iter().find(|name| raw.header(name).is_some() && !claim.headers.contains(name));
    if let Some(name) = unsigned {
        return Err(wrong(format!("'{name}' must be a 'SignedHeader' in the AWS Authorization.")));
    }
    let expected = signature(&claim, date, raw);
    let is_right = expected.is_some_and(|expected| expected.eq_ignore_ascii_case(claim.signature));
    if is_right && date.starts_with(claim.date) {
        Ok(claim.region.to_owned())
    } else {
        Err(wrong(
            "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access \
             Key and signing method. Consult the service documentation for details."
                .to_owned(),
        ))
    }
}

fn signature(claim: &Claim<'_>, date: &str, raw: &Raw) -> Option<String> {
    let canonical = format!(
        "{}\n{}\n{}\n{}\n\n{}\n{}",
        raw.method,
        canonical_path(claim, &raw.path),
        canonical_query(&raw.query),
        claim
            .headers
            .iter()
            .map(|name| Some(format!("{name}:{}", plain(raw, name)?)))
            .collect::<Option<Vec<_>>>()?
            .join("\n"),
        claim.headers.join(";"),
        payload(claim, raw),
    );
    let scope = format!("{}/{}/{}/aws4_request", claim.date, claim.region, claim.service);
    let to_sign = format!("AWS4-HMAC-SHA256\n{date}\n{scope}\n{}", hex(&Sha256::digest(canonical.as_bytes())));
    let mut key = format!("AWS4{}", super::SECRET).into_bytes();
    for part in [claim.date, claim.region, claim.service, "aws4_request"] {
        key = mac(&key, part)?;
    }
    Some(hex(&mac(&key, &to_sign)?))
}

/// Every service but S3 has the path encoded once more.
fn canonical_path(claim: &Claim<'_>, path: &str) -> String {
    let once = |segment: &str| percent_encoded(&decode(segment));
    let segments = path.split('/');
    let encoded: Vec<String> =
        if claim.service == "s3" { segments.map(once).collect() } else { segments.map(percent_encoded).collect() };
    encoded.join("/")
}

/// The hash of the body. Requests to S3 say it in a header, or that it is not signed.
fn payload(claim: &Claim<'_>, raw: &Raw) -> String {
    let own = hex(&Sha256::digest(&raw.body));
    match raw.header("x-amz-content-sha256") {
        Some("UNSIGNED-PAYLOAD") if claim.service == "s3" => "UNSIGNED-PAYLOAD".to_owned(),
        _ => own,
    }
}

/// A header's values, as they are signed: trimmed, with single spaces, joined by commas.
fn plain(raw: &Raw, name: &str) -> Option<String> {
    let values: Vec<String> = raw
        .headers
        .iter()
        .filter(|(known, _)| known.eq_ignore_ascii_case(name))
        .map(|(_, value)| value.split_whitespace().collect::<Vec<_>>().join(" "))
        .collect();
    (!values.is_empty()).then(|| values.join(","))
}

fn canonical_query(query: &str) -> String {
    let mut pairs: Vec<(String, String)> = query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (percent_encoded(&decode(name)), percent_encoded(&decode(value)))
        })
        .collect();
    pairs.sort();
    pairs.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("&")
}

fn mac(key: &[u8], text: &str) -> Option<Vec<u8>> {
    // A key of any length is one.
    let mut mac = Hmac::<Sha256>::new_from_slice(key).ok()?;
    mac.update(text.as_bytes());
    Some(mac.finalize().into_bytes().to_vec())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Signed by botocore 1.44.5 (`SigV4Auth`) with `plumb` and `sandbox`.
    fn signed() -> Raw {
        let header = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        Raw {
            method: "GET".to_owned(),
            path: "/tags/arn%3Aaws%3Aemr-serverless%3Aeu-central-1%3A123456789012%3A/applications/1".to_owned(),
            query: "tagKeys=b%20c&tagKeys=a".to_owned(),
            headers: vec![
                header("host", "127.0.0.1:9"),
                header("x-amz-date", "20261122T200000Z"),
                header("authorization", AUTHORIZATION),
            ],
            body: axum::body::Bytes::new(),
        }
    }

    const AUTHORIZATION: &str = "AWS4-HMAC-SHA256 Credential=plumb/20261122/eu-central-1/emr-serverless/aws4_request, SignedHeaders=host;x-amz-date, Signature=87ddf72d4a88e730cb2aa0790dd126db373c32624c0f119d4e6fe4e7d20e5ff1";

    #[test]
    fn what_botocore_signs_is_believed_and_nothing_else() {
        assert_eq!(verify(AwsService::Serverless, &signed()), Ok("eu-central-1".to_owned()));
        let code = |api: AwsService, raw: &Raw| verify(api, raw).unwrap_err().0;
        let with = |change: fn(&mut Raw)| {
            let mut raw = signed();
            change(&mut raw);
            raw
        };
        let other = [
            with(|raw| raw.method = "DELETE".to_owned()),
            with(|raw| raw.path = raw.path.replace("/1", "/2")),
            with(|raw| raw.query = "tagKeys=a".to_owned()),
            with(|raw| raw.body = axum::body::Bytes::from_static(b"x")),
            with(|raw| raw.headers[0].1 = "evil.example".to_owned()),
            with(|raw| raw.headers[1].1 = "20261122T200001Z".to_owned()),
        ];
        for raw in &other {
            assert_eq!(code(AwsService::Serverless, raw), "SignatureDoesNotMatch", "{raw:?}");
        }
        assert_eq!(code(AwsService::Clusters, &signed()), "SignatureDoesNotMatch", "of another service");
        let stranger = with(|raw| raw.headers[2].1 = raw.headers[2].1.replace("plumb/", "other/"));
        assert_eq!(code(AwsService::Serverless, &stranger), "UnrecognizedClientException");
        assert_eq!(code(AwsService::Identity, &stranger), "InvalidClientTokenId");
        let bare = with(|raw| raw.headers.truncate(2));
        assert_eq!(code(AwsService::Serverless, &bare), "MissingAuthenticationTokenException");
        let bearer = with(|raw| raw.headers[2].1 = "Bearer x".to_owned());
        assert_eq!(code(AwsService::Serverless, &bearer), "IncompleteSignatureException");
    }
}
