//! Workload identity federation: an identity token of somebody else's, exchanged for one of Databricks.
//!
//! Facts: databricks-sdk-go, `config/experimental/auth/oidc/{tokensource,github}.go`.

use super::auth::Method;
use super::oauth::{DatabricksAuth, DatabricksToken};
use crate::services::secret::Secret;

/// The exchange (RFC 8693).
pub(super) async fn token(auth: &DatabricksAuth, method: &Method) -> Result<DatabricksToken, String> {
    let endpoint = auth.endpoint().await?;
    // For a workspace, the token endpoint is the audience, unless the federation policy has another.
    let audience = auth.config.audience.as_deref().unwrap_or(&endpoint);
    let (identity, client_id) = identity(auth, method, audience).await?;
    auth.redactor.learn(&identity);
    let mut form = vec![
        ("grant_type", "urn:ietf:params:oauth:grant-type:token-exchange"),
        ("subject_token_type", "urn:ietf:params:oauth:token-type:jwt"),
        ("subject_token", identity.expose()),
        ("scope", "all-apis"),
    ];
    // Without it, the account's own federation policy applies, and the token stands for a user.
    if let Some(client_id) = client_id {
        form.push(("client_id", client_id));
    }
    auth.granted(|client| client.post(&endpoint).form(&form)).await
}

async fn identity<'m>(
    auth: &DatabricksAuth,
    method: &'m Method,
    audience: &str,
) -> Result<(Secret, Option<&'m str>), String> {
    match method {
        Method::GithubOidc { request_url, request_token, client_id } => {
            let mut url = reqwest::Url::parse(request_url).map_err(|e| format!("ACTIONS_ID_TOKEN_REQUEST_URL: {e}"))?;
            url.query_pairs_mut().append_pair("audience", audience);
            let answer = auth
                .json(|client| client.get(url.clone()).bearer_auth(request_token.expose()))
                .await
                .map_err(|why| format!("GitHub gave no identity token: {why}"))?;
            let value = answer["value"].as_str().filter(|v| !v.is_empty()).ok_or("GitHub's answer has no token")?;
            Ok((Secret::new(value), client_id.as_deref()))
        }
        Method::EnvOidc { token, client_id, .. } => Ok((token.clone(), client_id.as_deref())),
        Method::FileOidc { path, client_id } => {
            // Read again each time: whoever wrote it renews it.
            let text =
                std::fs::read_to_string(path).map_err(|e| format!("cannot read the identity token {path}: {e}"))?;
            match text.trim() {
                "" => Err(format!("the identity token {path} is empty")),
                token => Ok((Secret::new(token), client_id.as_deref())),
            }
        }
        other => Err(format!("{} has no identity token", other.name())),
    }
}
