//! How long a token lasts, and when to get the next one.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use serde_json::Value;
use std::time::Duration;
use tokio::time::Instant;

/// A token is renewed this long before it expires, or in the last third of a short life: a request that is under way must
/// not see it expire.
const MARGIN: Duration = Duration::from_secs(120);

/// When to get another token than one that lasts so long from now on.
pub(crate) fn renewal(lasts: Duration) -> Instant {
    Instant::now() + lasts.saturating_sub(MARGIN).max(lasts.mul_f64(2.0 / 3.0))
}

/// How long a token lasts, by its own word (RFC 7519, 4.1.4). Airflow's last a day unless the server says otherwise.
pub(crate) fn lasts(token: &str, now: Timestamp) -> Option<Duration> {
    let claims = URL_SAFE_NO_PAD.decode(token.split('.').nth(1)?).ok()?;
    let claims: Value = serde_json::from_slice(&claims).ok()?;
    let seconds = claims.get("exp")?.as_i64()?.saturating_sub(now.as_second());
    Some(Duration::from_secs(u64::try_from(seconds).unwrap_or(0)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_token_says_how_long_it_lasts() {
        let now: Timestamp = "2024-05-01T10:00:00Z".parse().unwrap();
        let token = |claims: &str| format!("eyJh.{}.sig", URL_SAFE_NO_PAD.encode(claims));
        let exp = |seconds: i64| token(&json!({ "exp": now.as_second() + seconds }).to_string());
        assert_eq!(lasts(&exp(3600), now), Some(Duration::from_secs(3600)));
        assert_eq!(lasts(&exp(-5), now), Some(Duration::ZERO));
        for other in ["opaque", "a.b.c", &token("{}"), &token("[]"), ""] {
            assert_eq!(lasts(other, now), None, "{other}");
        }
    }
}
