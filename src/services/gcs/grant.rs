//! What a key file says, and the tokens that it is exchanged for.
//!
//! Facts: "Using OAuth 2.0 for Server to Server Applications" (the claims of a service account), RFC 7523 (its grant), RFC
//! 6749, 6 (that of a person). What is signed is signed by the library that TLS uses.

use crate::services::secret::{Redactor, Secret};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use plumb_model::text::is_loopback;
use rustls::SignatureScheme;
use rustls::crypto::ring::sign::any_supported_type;
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject;
use serde::Deserialize;
use serde_json::json;

/// Where Google exchanges keys for tokens.
const TOKEN_URI: &str = "https://oauth2.googleapis.com/token";

/// What a token is for: objects, and not who may read them.
const SCOPE: &str = "https://www.googleapis.com/auth/devstorage.read_write";

/// The variable that lets a key go to another address.
pub(super) const ELSEWHERE: &str = "GCS_TOKEN_URI";

/// A file of GOOGLE_APPLICATION_CREDENTIALS, as far as it is read.
#[derive(Deserialize)]
struct KeyFile {
    #[serde(rename = "type", default)]
    kind: String,
    #[serde(default)]
    client_email: String,
    #[serde(default)]
    private_key: String,
    private_key_id: Option<String>,
    token_uri: Option<String>,
    #[serde(default)]
    client_id: String,
    #[serde(default)]
    client_secret: String,
    #[serde(default)]
    refresh_token: String,
}

/// Who asks for a token, and what is shown for it.
#[derive(Debug)]
pub(super) struct Grant {
    pub token_uri: String,
    /// `service account x@y`, for messages.
    pub whose: String,
    kind: GrantKind,
}

#[derive(Debug)]
enum GrantKind {
    Key { email: String, id: Option<String>, key: Secret },
    Refresh { client_id: String, client_secret: Secret, refresh_token: Secret },
}

impl Grant {
    /// Reads a key file; `elsewhere` is the address that the environment lets keys go to beside Google's. The error holds
    /// nothing of the file but its type.
    pub(super) fn read(text: &[u8], elsewhere: Option<&str>, redactor: &Redactor) -> Result<Self, String> {
        let file: KeyFile = serde_json::from_slice(text).map_err(|_| "is no JSON object".to_owned())?;
        let has = |members: &[(&str, &str)]| match members.iter().find(|(_, value)| value.is_empty()) {
            Some((name, _)) => Err(format!("has no `{name}`, as a file of type `{}` has", file.kind)),
            None => Ok(()),
        };
        for secret in [&file.private_key, &file.client_secret, &file.refresh_token] {
            redactor.learn(&Secret::new(secret.as_str()));
        }
        let (whose, kind) = match file.kind.as_str() {
            "service_account" => {
                has(&[("client_email", &file.client_email), ("private_key", &file.private_key)])?;
                let key = Secret::new(file.private_key);
                let whose = format!("the service account {}", file.client_email);
                (whose, GrantKind::Key { email: file.client_email, id: file.private_key_id, key })
            }
            "authorized_user" => {
                let (id, secret, token) = (&file.client_id, &file.client_secret, &file.refresh_token);
                has(&[("client_id", id), ("client_secret", secret), ("refresh_token", token)])?;
                let (client_secret, refresh_token) = (Secret::new(file.client_secret), Secret::new(file.refresh_token));
                let kind = GrantKind::Refresh { client_id: file.client_id, client_secret, refresh_token };
                ("the person who signed in to gcloud".to_owned(), kind)
            }
            "" => return Err("has no `type`: expected a file of a service account".to_owned()),
            other => {
                let other: String = other.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '_').take(40).collect();
                return Err(format!(
                    "is of type `{other}`, which plumb does not exchange for a token; let gcloud do it: \
                     GCS_TOKEN_COMMAND='gcloud auth print-access-token'"
                ));
            }
        };
        let token_uri = allowed(file.token_uri.as_deref().unwrap_or(TOKEN_URI), elsewhere)?;
        Ok(Grant { token_uri, whose, kind })
    }

    /// The form that is sent for a token.
    pub(super) fn form(&self, now: i64, redactor: &Redactor) -> Result<Vec<(&'static str, String)>, String> {
        match &self.kind {
            GrantKind::Key { email, id, key } => {
                let assertion = assertion(email, id.as_deref(), key, &self.token_uri, now)?;
                redactor.learn(&Secret::new(assertion.as_str()));
                Ok(vec![
                    ("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer".to_owned()),
                    ("assertion", assertion),
                ])
            }
            GrantKind::Refresh { client_id, client_secret, refresh_token } => Ok(vec![
                ("grant_type", "refresh_token".to_owned()),
                ("client_id", client_id.clone()),
                ("client_secret", client_secret.expose().to_owned()),
                ("refresh_token", refresh_token.expose().to_owned()),
            ]),
        }
    }
}

/// An address that may get what a key signs: Google's own, this machine, or what the environment names. A key file may lie
/// in a checkout, where a pull request changes its `token_uri`.
fn allowed(uri: &str, elsewhere: Option<&str>) -> Result<String, String> {
    let refused = |why: &str| format!("has the `token_uri` {uri}, {why}");
    let url = reqwest::Url::parse(uri).map_err(|e| refused(&format!("which is no address: {e}")))?;
    let host = url.host_str().unwrap_or_default();
    let (google, here) = (host == "accounts.google.com" || host.ends_with(".googleapis.com"), is_loopback(host));
    if !(url.scheme() == "https" || url.scheme() == "http" && here) {
        return Err(refused("which would get the credentials in the clear"));
    }
    if google || here || elsewhere == Some(uri) {
        return Ok(uri.to_owned());
    }
    Err(refused(&format!("which is not Google's; if the credentials may go there, set {ELSEWHERE}={uri}")))
}

/// A service account's word for who it is (RFC 7519), good for an hour, signed with RSA and SHA-256 (RFC 7518, 3.3).
fn assertion(email: &str, id: Option<&str>, key: &Secret, audience: &str, now: i64) -> Result<String, String> {
    let unusable = |why: &str| format!("has a `private_key` that cannot be used: {why}");
    let der = PrivateKeyDer::from_pem_slice(key.expose().as_bytes());
    let der = der.map_err(|_| unusable("it is not in PEM"))?;
    let key = any_supported_type(&der).map_err(|_| unusable("it is no RSA key of 2048 bits or more"))?;
    let signer = key.choose_scheme(&[SignatureScheme::RSA_PKCS1_SHA256]).ok_or_else(|| unusable("it is no RSA key"))?;
    let mut header = json!({ "alg": "RS256", "typ": "JWT" });
    if let Some(id) = id {
        header["kid"] = json!(id);
    }
    let claims = json!({ "iss": email, "scope": SCOPE, "aud": audience, "iat": now, "exp": now + 3600 });
    let part = |value: &serde_json::Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let signed = format!("{}.{}", part(&header), part(&claims));
    let signature = signer.sign(signed.as_bytes()).map_err(|_| unusable("it does not sign"))?;
    Ok(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(file: serde_json::Value, elsewhere: Option<&str>) -> Result<Grant, String> {
        Grant::read(file.to_string().as_bytes(), elsewhere, &Redactor::default())
    }

    fn key(token_uri: &str) -> serde_json::Value {
        json!({ "type": "service_account", "client_email": "ci@p.iam.gserviceaccount.com", "private_key": "hunter22", "token_uri": token_uri })
    }

    #[test]
    fn a_key_goes_to_google_alone_unless_the_environment_says_so() {
        let evil = "https://evil.example/token";
        for (uri, elsewhere, goes) in [
            (TOKEN_URI, None, true),
            ("https://accounts.google.com/o/oauth2/token", None, true),
            ("https://www.googleapis.com/oauth2/v4/token", None, true),
            ("http://127.0.0.1:9999/token", None, true),
            (evil, None, false),
            (evil, Some(evil), true),
            (evil, Some("https://evil.example/other"), false),
            ("http://evil.example/token", Some("http://evil.example/token"), false),
            ("http://oauth2.googleapis.com/token", None, false),
            ("https://evilgoogleapis.com/token", None, false),
            ("https://oauth2.googleapis.com.evil.example/token", None, false),
            ("https://oauth2.googleapis.com@evil.example/token", None, false),
            ("token", None, false),
        ] {
            let read = read(key(uri), elsewhere);
            assert_eq!(read.is_ok(), goes, "{uri}: {read:?}");
            assert!(!format!("{read:?}").contains("hunter22"), "{read:?}");
        }
        assert!(read(key(evil), None).unwrap_err().contains("set GCS_TOKEN_URI=https://evil.example/token"));
    }

    #[test]
    fn what_a_file_lacks_is_said_and_nothing_of_it() {
        for (file, says) in [
            (json!({ "type": "service_account", "client_email": "x" }), "has no `private_key`"),
            (json!({ "type": "service_account", "private_key": "hunter22" }), "has no `client_email`"),
            (
                json!({ "type": "authorized_user", "client_id": "x", "client_secret": "hunter22" }),
                "has no `refresh_token`",
            ),
            (
                json!({ "type": "external_account", "audience": "x" }),
                "GCS_TOKEN_COMMAND='gcloud auth print-access-token'",
            ),
            (json!({ "type": "impersonated_service_account" }), "of type `impersonated_service_account`"),
            (json!({ "installed": {} }), "has no `type`"),
            (json!("hunter22"), "is no JSON object"),
        ] {
            let why = read(file, None).unwrap_err();
            assert!(why.contains(says) && !why.contains("hunter22"), "{why}");
        }
        let grant = read(key(TOKEN_URI), None).unwrap();
        let why = grant.form(0, &Redactor::default()).unwrap_err();
        assert!(why.contains("not in PEM") && !why.contains("hunter22"), "{why}");
    }
}
