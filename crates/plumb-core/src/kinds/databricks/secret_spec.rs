//! What a manifest says of a secret scope.

use crate::kinds::entries::EntryList;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A secret scope: what the Secrets API 2.0 takes to create one, with `acls` and `secrets`.
///
/// Databricks shows no value of a secret. They are written as `${env.NAME}`, and whether they are still what they were
/// applied as is told by the mark.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct SecretScopeSpec {
    /// The scope's name, by which jobs and notebooks name it: letters, digits, `-`, `_` and `.`, 128 at most.
    #[schemars(extend("x-plumb" = {"replace": true, "why": "Secrets API 2.0: no call renames a scope"}))]
    pub scope: String,
    /// Where the secrets are kept. What is in an Azure Key Vault is written there: such a scope is made by others, and plumb
    /// sets its `acls` only.
    #[schemars(extend("x-plumb" = {"default": "DATABRICKS", "replace": true, "why": "databricks-sdk-py workspace.SecretsAPI.create_scope: the default; no call changes it"}))]
    pub scope_backend_type: Option<BackendType>,
    /// The Azure Key Vault, where the secrets are kept in one.
    #[schemars(extend("x-plumb" = {"unset": "absent", "replace": true, "why": "databricks-sdk-py workspace.SecretScope: keyvault_metadata of a scope in a vault; no call changes it"}))]
    pub backend_azure_keyvault: Option<AzureKeyVault>,
    /// Who may manage a new scope besides administrators: `users`, which is everybody. Unset: whoever creates it. Later `acls`
    /// says it.
    #[schemars(extend("x-plumb" = {"server": true, "why": "databricks-sdk-py workspace.CreateScope: only scopes/create takes it, and nothing returns it"}))]
    pub initial_manage_principal: Option<String>,
    /// Who may use the scope. Unset: plumb leaves that alone.
    #[schemars(extend("x-plumb" = {
        "unset": "server",
        "key": "principal",
        "apart": true,
        "keep_empty": true,
        "why": "secrets/acls has calls of its own for each principal; a manifest without it says nothing of it",
    }))]
    pub acls: Option<EntryList<SecretAcl>>,
    /// The secrets. Unset: plumb leaves what is in the scope alone.
    #[schemars(extend("x-plumb" = {
        "unset": "server",
        "key": "key",
        "keep_empty": true,
        "why": "secrets/put and secrets/delete name one key each; a manifest without it says nothing of them",
    }))]
    pub secrets: Option<EntryList<SecretEntry>>,
}

/// Where the secrets of a scope are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum BackendType {
    /// In the workspace.
    Databricks,
    /// In an Azure Key Vault.
    AzureKeyvault,
}

/// An Azure Key Vault.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct AzureKeyVault {
    /// Its resource id: `/subscriptions/…/providers/Microsoft.KeyVault/vaults/NAME`.
    pub resource_id: String,
    /// Its address: `https://NAME.vault.azure.net/`.
    pub dns_name: String,
}

/// Who may do what with a scope.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct SecretAcl {
    /// A user by e-mail address, a group by name, or a service principal by application id.
    pub principal: String,
    /// What the one named may do.
    pub permission: AclPermission,
}

/// What may be done with a scope. Each includes those before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum AclPermission {
    /// Read secrets and list them.
    Read,
    /// Write secrets as well.
    Write,
    /// Say who may do what as well.
    Manage,
}

/// A secret: its key, and one of the two values.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct SecretEntry {
    /// Its name in the scope: letters, digits, `-`, `_` and `.`, 128 at most.
    pub key: String,
    /// The value, a text: `${env.NAME}`, never plain text. 128 KB at most.
    #[schemars(extend("x-plumb" = {"unset": "absent", "secret": "value", "most_bytes": 131072, "why": "databricks-sdk-py workspace.SecretMetadata: no answer shows a value, and the mark keeps half of its keyed hash; SecretsAPI.put_secret: 128 KB at most"}))]
    pub string_value: Option<String>,
    /// The value, any bytes, in base64: `${env.NAME}`, never plain text. 128 KB at most.
    #[schemars(extend("x-plumb" = {"unset": "absent", "secret": "value", "most_bytes": 131072, "base64": true, "why": "databricks-sdk-py workspace.SecretMetadata: no answer shows a value, and the mark keeps half of its keyed hash; SecretsAPI.put_secret: 128 KB at most"}))]
    pub bytes_value: Option<String>,
}
