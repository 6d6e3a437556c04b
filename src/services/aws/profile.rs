//! Where credentials come from: the environment, the profiles of `~/.aws`, the machine's own role.
//!
//! The order is that of the AWS CLI (botocore, `credentials.py`, `create_credential_resolver`): keys in the environment,
//! a web identity in the environment when no profile was named, what the profile says, the container, the instance.

use super::{Env, Provider};
use crate::services::profiles::Profiles;
use reqsign_aws_v4::{
    AssumeRoleCredentialProvider, AssumeRoleWithWebIdentityCredentialProvider, Credential, ECSCredentialProvider,
    EnvCredentialProvider, IMDSv2CredentialProvider, ProcessCredentialProvider, RequestSigner, SSOCredentialProvider,
    StaticCredentialProvider,
};
use reqsign_core::{Context, Signer};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

/// Roles may be taken on from roles, up to so many: a longer chain is a circle.
const LONGEST_CHAIN: usize = 8;

/// The files of the AWS CLI, read.
#[derive(Clone, Debug)]
pub struct Files {
    config: Result<Profiles, String>,
    credentials: Result<Profiles, String>,
}

impl Files {
    /// Reads `~/.aws/config` and `~/.aws/credentials`, or what `AWS_CONFIG_FILE` and `AWS_SHARED_CREDENTIALS_FILE` name.
    pub fn read(env: &Env) -> Self {
        let read = |variable: &str, default: &str| {
            let path = env(variable).unwrap_or_else(|| format!("~/.aws/{default}"));
            let path = match (path.strip_prefix('~'), home(env)) {
                (Some(rest), Some(home)) => format!("{home}{rest}"),
                _ => path,
            };
            // A file that is not there has no profiles; one that cannot be read matters only to whoever needs it.
            let text = std::fs::read_to_string(&path).unwrap_or_default();
            Profiles::read(&text).map_err(|e| format!("{path}: {e}"))
        };
        Files {
            config: read("AWS_CONFIG_FILE", "config"),
            credentials: read("AWS_SHARED_CREDENTIALS_FILE", "credentials"),
        }
    }

    /// A profile's values, those of the credentials file first. `None` when no file has it.
    fn profile(&self, name: &str) -> Result<Option<BTreeMap<String, String>>, String> {
        let section = if name == "default" { name.to_owned() } else { format!("profile {name}") };
        let config = self.config.as_ref().map_err(Clone::clone)?;
        let credentials = self.credentials.as_ref().map_err(Clone::clone)?;
        let mut values = config.get(&section).cloned().unwrap_or_default();
        values.extend(credentials.get(name).cloned().unwrap_or_default());
        Ok(Some(values).filter(|v| !v.is_empty()))
    }

    fn names(&self) -> Vec<String> {
        let config =
            self.config.iter().flat_map(Profiles::names).filter_map(|name| match name.strip_prefix("profile ") {
                Some(name) => Some(name.trim()),
                None => Some(name).filter(|name| *name == "default"),
            });
        let mut names: Vec<String> =
            config.chain(self.credentials.iter().flat_map(Profiles::names)).map(str::to_owned).collect();
        names.sort();
        names.dedup();
        names
    }
}

/// The user's folder.
pub(super) fn home(env: &Env) -> Option<String> {
    env("HOME").or_else(|| env("USERPROFILE"))
}

fn named(env: &Env) -> Option<String> {
    env("AWS_PROFILE").or_else(|| env("AWS_DEFAULT_PROFILE"))
}

/// The region of the profile in use.
pub(super) fn region(env: &Env, files: &Files) -> Option<String> {
    let name = named(env).unwrap_or_else(|| "default".to_owned());
    files.profile(&name).ok()??.remove("region").filter(|region| !region.is_empty())
}

/// What hands out the credentials: the first of these that has some.
pub(super) struct CredentialSource {
    first: Vec<(&'static str, Provider)>,
    /// The profile, or why it cannot be used, which counts only once nothing before it has credentials.
    profile: Result<Option<Provider>, String>,
    last: Vec<(&'static str, Provider)>,
}

/// Chooses, without asking anybody.
pub(super) fn source(env: &Env, files: &Files, context: &Context) -> CredentialSource {
    let mut first: Vec<(&'static str, Provider)> = vec![("the environment", Arc::new(EnvCredentialProvider::new()))];
    if named(env).is_none() {
        first.push(("the web identity", Arc::new(AssumeRoleWithWebIdentityCredentialProvider::new())));
    }
    let mut chain = Vec::new();
    let name = named(env);
    let profile = of_profile(files, name.as_deref().unwrap_or("default"), context, &mut chain);
    let profile = match (profile, name) {
        (Ok(None), Some(name)) => Err(format!(
            "the AWS profile `{name}` has no credentials; profiles: {}",
            Some(files.names().join(", ")).filter(|names| !names.is_empty()).unwrap_or_else(|| "none".to_owned())
        )),
        (profile, _) => profile,
    };
    let last: Vec<(&'static str, Provider)> = vec![
        ("the container's role", Arc::new(ECSCredentialProvider::new())),
        ("the instance's role", Arc::new(IMDSv2CredentialProvider::new())),
    ];
    CredentialSource { first, profile, last }
}

impl CredentialSource {
    /// The credentials and where they came from, or why there are none and what to do.
    pub(super) async fn load(&self, context: &Context) -> Result<(Credential, &'static str), String> {
        for (from, provider) in &self.first {
            match provider.provide_credential_dyn(context).await {
                Ok(Some(credential)) => return Ok((credential, from)),
                Ok(None) => {}
                Err(e) => return Err(format!("the AWS credentials of {from} cannot be had: {e}")),
            }
        }
        if let Some(provider) = self.profile.as_ref().map_err(Clone::clone)? {
            return match provider.provide_credential_dyn(context).await {
                Ok(Some(credential)) => Ok((credential, "the AWS profile")),
                Ok(None) => Err("the AWS profile gives no credentials".to_owned()),
                Err(e) => Err(format!(
                    "the credentials of the AWS profile cannot be had: {e}; where it signs in over the web, run \
                     `aws sso login`"
                )),
            };
        }
        for (from, provider) in &self.last {
            // On a machine that is no container and no instance, that nothing answers there is the rule.
            if let Ok(Some(credential)) = provider.provide_credential_dyn(context).await {
                return Ok((credential, from));
            }
        }
        Err("there are no AWS credentials: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, name a profile of \
             ~/.aws/config in AWS_PROFILE, or run where a role gives some"
            .to_owned())
    }
}

/// What a profile says of credentials. `None` when it says nothing.
fn of_profile(
    files: &Files,
    name: &str,
    context: &Context,
    chain: &mut Vec<String>,
) -> Result<Option<Provider>, String> {
    if chain.iter().any(|seen| seen == name) || chain.len() >= LONGEST_CHAIN {
        return Err(format!("the AWS profiles {} take their credentials from each other", chain.join(", ")));
    }
    chain.push(name.to_owned());
    let Some(values) = files.profile(name)? else { return Ok(None) };
    let get = |key: &str| values.get(key).map(String::as_str).filter(|v| !v.is_empty());
    let lacks = |key: &str| format!("the AWS profile `{name}` has no `{key}`");
    // A profile may take on a role with its own keys.
    let own = || Some(keys(get("aws_access_key_id")?, get("aws_secret_access_key")?, get("aws_session_token")));
    if let Some(role) = get("role_arn") {
        if let Some(file) = get("web_identity_token_file") {
            let provider = AssumeRoleWithWebIdentityCredentialProvider::with_config(role.into(), PathBuf::from(file));
            return Ok(Some(Arc::new(provider)));
        }
        if get("mfa_serial").is_some() {
            return Err(format!(
                "the AWS profile `{name}` asks for a code (mfa_serial), which plumb cannot type: sign in with the AWS CLI \
                 and hand on what `aws configure export-credentials --profile {name} --format env` prints"
            ));
        }
        let base: Provider = match (get("source_profile"), get("credential_source")) {
            (Some(source), _) if source == name => own().ok_or_else(|| lacks("aws_access_key_id"))?,
            (Some(source), _) => of_profile(files, source, context, chain)?.ok_or_else(|| {
                format!("the AWS profile `{name}` takes its credentials from `{source}`, which has none")
            })?,
            (None, Some("Environment")) => Arc::new(EnvCredentialProvider::new()),
            (None, Some("EcsContainer")) => Arc::new(ECSCredentialProvider::new()),
            (None, Some("Ec2InstanceMetadata")) => Arc::new(IMDSv2CredentialProvider::new()),
            (None, Some(other)) => {
                return Err(format!(
                    "the AWS profile `{name}` has `credential_source = {other}`; expected Environment, EcsContainer or \
                     Ec2InstanceMetadata"
                ));
            }
            (None, None) => return Err(format!("{} beside its `role_arn`", lacks("source_profile"))),
        };
        let region = get("region").unwrap_or("us-east-1");
        let signer = Signer::new(context.clone(), base, RequestSigner::new("sts", region));
        let mut role = AssumeRoleCredentialProvider::new(role.to_owned(), signer)
            .with_role_session_name(get("role_session_name").unwrap_or("plumb").to_owned())
            .with_region(region.to_owned())
            .with_regional_sts_endpoint();
        if let Some(id) = get("external_id") {
            role = role.with_external_id(id.to_owned());
        }
        if let Some(seconds) = get("duration_seconds").and_then(|v| v.parse().ok()) {
            role = role.with_duration_seconds(seconds);
        }
        return Ok(Some(Arc::new(role)));
    }
    if let Some(own) = own() {
        return Ok(Some(own));
    }
    if get("sso_session").is_some() || get("sso_start_url").is_some() {
        // `aws sso login` keeps its token under the session's name, or under the address where there is no session
        // (botocore, `SSOTokenProvider`). The library calls either the address, and uses it for nothing else.
        let session = match get("sso_session") {
            Some(session) => {
                let config = files.config.as_ref().map_err(Clone::clone)?;
                let section = config.get(&format!("sso-session {session}"));
                section.ok_or_else(|| {
                    format!("the AWS profile `{name}` names an sso-session `{session}`, which is missing")
                })?
            }
            None => &values,
        };
        let key = get("sso_session").or_else(|| get("sso_start_url")).unwrap_or_default();
        let region = session.get("sso_region").ok_or_else(|| lacks("sso_region"))?;
        let provider = SSOCredentialProvider::new()
            .with_start_url(key)
            .with_region(region.as_str())
            .with_account_id(get("sso_account_id").ok_or_else(|| lacks("sso_account_id"))?)
            .with_role_name(get("sso_role_name").ok_or_else(|| lacks("sso_role_name"))?);
        return Ok(Some(Arc::new(provider)));
    }
    if let Some(command) = get("credential_process") {
        return Ok(Some(Arc::new(ProcessCredentialProvider::new().with_command(command))));
    }
    Ok(None)
}

fn keys(id: &str, secret: &str, token: Option<&str>) -> Provider {
    let keys = StaticCredentialProvider::new(id, secret);
    match token {
        Some(token) => Arc::new(keys.with_session_token(token)),
        None => Arc::new(keys),
    }
}
