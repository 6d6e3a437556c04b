//! Sending a message to a webhook.

use super::http::{self, Broken};
use super::secret::Secret;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::Value;
use sha2::Sha256;
use std::time::Duration;

/// How often a message is sent, at most.
const ATTEMPTS: u32 = 4;

/// Sends JSON to an address. With a key, the body is signed: `X-Plumb-Signature-256` is `sha256=` and the HMAC, in
/// hexadecimal, of the time in `X-Plumb-Timestamp`, a full stop, and the body.
///
/// A message may arrive twice: when its answer was lost, or was a 5xx, it is sent again, since being told twice is better
/// than not at all. An error says whether it may have arrived. The address may be a secret (Slack's are), and
/// stands in no error.
pub async fn post(address: &Secret, body: &Value, key: Option<&Secret>, at: i64) -> Result<(), String> {
    let url = reqwest::Url::parse(address.expose()).map_err(|_| "its address is none".to_owned())?;
    let here = matches!(url.host_str(), Some("127.0.0.1" | "localhost" | "[::1]"));
    if url.scheme() != "https" && !(url.scheme() == "http" && here) {
        return Err("its address has to begin with https://".into());
    }
    let client = http::client(url.scheme() == "http").map_err(|e| e.to_string())?;
    let body = body.to_string();
    let mut wait = Duration::from_millis(250);
    let mut unclear = false;
    for attempt in 1.. {
        let mut request = client.post(url.clone()).header("Content-Type", "application/json").body(body.clone());
        if let Some(key) = key {
            request = request
                .header("X-Plumb-Timestamp", at.to_string())
                .header("X-Plumb-Signature-256", signature(key.expose(), at, &body));
        }
        let (why, hopeless) = match request.send().await {
            Ok(answer) if answer.status().is_success() => return Ok(()),
            Ok(answer) => {
                let status = answer.status();
                unclear |= status.is_server_error();
                (format!("it answered {status}"), !(status.is_server_error() || status.as_u16() == 429))
            }
            Err(error) => {
                let broken = Broken::of(error);
                unclear |= broken.sent;
                (broken.why, broken.hopeless)
            }
        };
        if hopeless || attempt == ATTEMPTS {
            return Err(if unclear { format!("{why}; the message may have arrived all the same") } else { why });
        }
        tokio::time::sleep(wait).await;
        wait *= 2;
    }
    Ok(())
}

/// `sha256=…` of `TIME.BODY`.
pub fn signature(key: &str, at: i64, body: &str) -> String {
    let digest = Hmac::<Sha256>::new_from_slice(key.as_bytes()).map(|mut mac| {
        mac.update(format!("{at}.{body}").as_bytes());
        mac.finalize().into_bytes()
    });
    // HMAC takes keys of any length.
    let digits: String = digest.iter().flatten().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256={digits}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signatures_are_those_that_openssl_makes() {
        // printf '1700000000.{"a":1}' | openssl dgst -sha256 -hmac key
        let want = "sha256=a438e398bfafc57e4396bb7fc2304422f0f768e965d073ca313cb52e22e6ad03";
        assert_eq!(signature("key", 1_700_000_000, "{\"a\":1}"), want);
    }
}
