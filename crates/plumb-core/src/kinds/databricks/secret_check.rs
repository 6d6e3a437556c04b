//! What the schema of a secret scope cannot say.

use super::secret_mark::{LONGEST_KEY, PREFIX, most_keys};
use super::secret_scope::folded;
use super::secret_spec::{BackendType, SecretEntry, SecretScopeSpec};
use crate::kinds::Findings;
use plumb_model::secrets::Vault;
use plumb_model::yaml::is_deferred;
use std::collections::HashMap;

/// How many keys a scope may have (Secrets API reference, secrets/put).
const MOST_KEYS: usize = 1000;

/// Checks a secret scope.
pub fn check(spec: &SecretScopeSpec, findings: &mut Findings) {
    name(&spec.scope, "scope", findings);
    let in_vault = spec.scope_backend_type == Some(BackendType::AzureKeyvault);
    vault(spec, in_vault, findings);
    initial(spec, findings);
    acls(spec, findings);
    let secrets = spec.secrets.as_deref().unwrap_or_default();
    if in_vault && spec.secrets.is_some() {
        // The service's words: "Cannot write secrets to Azure KeyVault-backed scope".
        let label = "write them into the vault, and leave this out";
        findings.at("secrets", "what is in an Azure Key Vault cannot be written through Databricks", label);
        return;
    }
    keys(secrets, findings);
    for (i, secret) in secrets.iter().enumerate() {
        value(secret, &format!("secrets[{i}]"), findings);
    }
}

/// Letters, digits, `-`, `_` and `.` (SecretsAPI.create_scope); the Terraform provider lets `@` and `/` through as well
/// (secrets/resource_secret_scope.go), and so does this: which of them the service refuses is not known.
fn name(name: &str, path: &str, findings: &mut Findings) {
    if is_deferred(name) {
        return;
    }
    let length = name.chars().count();
    let odd = name.chars().find(|c| !(c.is_ascii_alphanumeric() || "-_.@/".contains(*c)));
    if let Some(odd) = odd {
        let shown = if odd == ' ' { "a space".to_owned() } else { format!("`{}`", odd.escape_debug()) };
        let label = "expected letters, digits, `-`, `_` and `.` only";
        findings.at(path, format!("{shown} in a name, which the service refuses"), label);
    } else if length == 0 || length > LONGEST_KEY {
        let label = format!("expected 1 to {LONGEST_KEY} characters");
        findings.at(path, format!("a name of {length} characters"), label);
    }
}

/// The vault, and what says that there is one.
fn vault(spec: &SecretScopeSpec, in_vault: bool, findings: &mut Findings) {
    match (&spec.backend_azure_keyvault, in_vault) {
        (None, true) if findings.is_whole("backend_azure_keyvault") => {
            let label = "add `backend_azure_keyvault` with its `resource_id` and `dns_name`";
            findings.at("scope_backend_type", "a scope in an Azure Key Vault does not say in which", label);
        }
        (Some(_), false) if findings.is_whole("scope_backend_type") => {
            let label = "add `scope_backend_type: AZURE_KEYVAULT`, or leave it out";
            findings.at("backend_azure_keyvault", "the scope is not in this vault", label);
        }
        _ => {}
    }
}

/// Who may manage a new scope.
fn initial(spec: &SecretScopeSpec, findings: &mut Findings) {
    let Some(initial) = spec.initial_manage_principal.as_deref().filter(|name| !is_deferred(name)) else { return };
    let acls = spec.acls.as_deref().unwrap_or_default();
    if initial != "users" {
        // SecretsAPI.create_scope.
        let label = "write `users`, or leave it out and name them in `acls`";
        findings.at("initial_manage_principal", "only `users` can be named here", label);
    } else if spec.acls.is_some()
        && !findings.is_additive("acls")
        && findings.is_whole("acls")
        && acls.iter().all(|acl| acl.principal != initial)
    {
        let label = "name `users` in `acls` as well, or leave this out";
        findings.at("initial_manage_principal", "`acls` would take it away again", label);
    }
}

fn acls(spec: &SecretScopeSpec, findings: &mut Findings) {
    let mut seen: HashMap<String, usize> = HashMap::new();
    for (i, acl) in spec.acls.as_deref().unwrap_or_default().iter().enumerate() {
        let at = format!("acls[{i}].principal");
        if is_deferred(&acl.principal) {
            continue;
        }
        if acl.principal.trim().is_empty() {
            findings.at(at, "this grant names nobody", "it is empty");
        } else if let Some(first) = seen.insert(folded(&acl.principal), i) {
            // SecretsAPI.put_acl: another permission for a principal overwrites the one before.
            let message = format!("`{}` is there twice: acls[{first}] names the same", acl.principal.escape_debug());
            let label = "the service keeps one permission for each, the last one";
            findings.at_with_help(at, message, label, "leave the higher one: it includes the lower ones");
        }
    }
}

/// Keys within their limits, each once.
fn keys(secrets: &[SecretEntry], findings: &mut Findings) {
    let mut seen: HashMap<String, usize> = HashMap::new();
    for (i, secret) in secrets.iter().enumerate() {
        let at = format!("secrets[{i}].key");
        let key = &secret.key;
        if is_deferred(key) {
            continue;
        }
        name(key, &at, findings);
        if key.to_lowercase().starts_with(PREFIX) {
            findings.at(at, format!("keys that begin with `{PREFIX}` are plumb's own mark"), "choose another key");
        } else if let Some(first) = seen.insert(key.to_lowercase(), i) {
            let same = secrets[first].key == *key;
            let shown = key.escape_debug();
            let message = if same {
                format!("`{shown}` is there twice: secrets[{first}] has the same key")
            } else {
                format!("`{shown}` and `{}` differ in letter case only", secrets[first].key.escape_debug())
            };
            // The reference does not say whether case counts.
            let label =
                if same { "leave one of them" } else { "the service may take them for one: choose another key" };
            findings.at(at, message, label);
        }
    }
    let most = (0..=secrets.len()).rev().find(|many| many + most_keys(*many) <= MOST_KEYS).unwrap_or_default();
    if secrets.len() > most {
        let message = format!("{} secrets in one scope", secrets.len());
        let label =
            format!("{most} at most: a scope has {MOST_KEYS} keys, and the mark of plumb takes some for what it wrote");
        findings.at("secrets", message, label);
    }
}

/// One value, and no plain text.
fn value(secret: &SecretEntry, at: &str, findings: &mut Findings) {
    let members = [("string_value", &secret.string_value), ("bytes_value", &secret.bytes_value)];
    let set: Vec<(&str, &str)> =
        members.into_iter().filter_map(|(member, value)| Some((member, value.as_deref()?))).collect();
    match set.as_slice() {
        [] if findings.is_whole(at) => {
            findings.at(at, "a secret without a value", "add `string_value: ${env.NAME}`");
        }
        // The service's code for it: MALFORMED_REQUEST (SecretsAPI.put_secret).
        [_, (member, _), ..] => {
            findings.at(format!("{at}.{member}"), "a secret has one value, not two", "leave one of them");
        }
        _ => {}
    }
    for (member, value) in set {
        let path = format!("{at}.{member}");
        if value.is_empty() {
            findings.at(path, "a secret without a value", "write `${env.NAME}`");
        } else if !Vault::is_token(value) {
            let message = format!("the value of `{}` is a secret in plain text", secret.key.escape_debug());
            findings.at_secret(path, message, "write `${env.NAME}` instead");
        }
    }
}
