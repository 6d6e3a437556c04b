//! Rights: what the message says is missing, and no more.

use super::{Remedy, RemedyCase, copy, say};
use crate::diagnose::result::{Advice, DiagnosedCause};
use serde_json::{Value, json};

/// What was refused, as the message names it.
pub(super) struct Refusal<'a> {
    pub cause: &'a DiagnosedCause,
    /// Whom the manifest of the job names, where there is one.
    pub runs_as: Option<&'a str>,
}

impl<'a> Refusal<'a> {
    fn of(case: &RemedyCase<'a>) -> Refusal<'a> {
        Refusal { cause: case.cause, runs_as: runs_as(case) }
    }

    fn slot(&self, name: &str) -> Option<&'a str> {
        self.cause.slots.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }
}

/// `service:Action`, as IAM has it.
fn action<'a>(refused: &Refusal<'a>) -> Option<&'a str> {
    let action = refused.slot("action")?;
    let (service, verb) = action.split_once(':').unwrap_or_default();
    let is_plain = |text: &str| !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
    if is_plain(service) && is_plain(verb) {
        return Some(action);
    }
    // The calls of S3 whose right is called otherwise (AWS service authorization reference, Amazon S3).
    match action {
        "GetObject" | "HeadObject" => Some("s3:GetObject"),
        "PutObject" | "UploadPart" | "CreateMultipartUpload" | "CompleteMultipartUpload" => Some("s3:PutObject"),
        "DeleteObject" | "DeleteObjects" => Some("s3:DeleteObject"),
        "ListObjects" | "ListObjectsV2" | "HeadBucket" => Some("s3:ListBucket"),
        _ => None,
    }
}

/// The ARN that a message names, or that of a path of S3.
fn resource(refused: &Refusal<'_>) -> Option<String> {
    let is_narrow = |arn: &str| arn.starts_with("arn:") && !arn.contains('*') && arn.split(':').count() >= 6;
    if let Some(arn) =
        refused.slot("resource").map(|arn| arn.trim_matches(['"', '\'', '.', ','])).filter(|arn| is_narrow(arn))
    {
        return Some(arn.to_owned());
    }
    let path = refused.slot("path")?;
    let path = path.split_once("://").filter(|(scheme, _)| matches!(*scheme, "s3" | "s3a" | "s3n"))?.1;
    if path.contains(['*', '?']) {
        return None;
    }
    let bucket = path.split('/').next().filter(|bucket| !bucket.is_empty())?;
    // `aws-cn` of `arn:aws-cn:sts::…`.
    let partition = refused.slot("principal").and_then(|arn| arn.split(':').nth(1)).unwrap_or("aws");
    let what = if action(refused) == Some("s3:ListBucket") { bucket } else { path };
    Some(format!("arn:{partition}:s3:::{what}"))
}

/// The role of `arn:aws:sts::1:assumed-role/NAME/SESSION`, as IAM knows it; a role with a path has another ARN.
fn role(principal: &str) -> String {
    let Some((head, rest)) = principal.split_once(":assumed-role/") else { return principal.to_owned() };
    let name = rest.split('/').next().unwrap_or(rest);
    format!("{}:role/{name}", head.replace(":sts:", ":iam:"))
}

fn pretty(statement: &Value) -> String {
    serde_json::to_string_pretty(statement).unwrap_or_default()
}

/// A statement for the policy of who was refused.
pub(super) fn statement(refused: &Refusal<'_>) -> Vec<Advice> {
    let (Some(action), Some(resource)) = (action(refused), resource(refused)) else { return Vec::new() };
    let who = refused.slot("principal").map(role);
    let statement = json!({ "Effect": "Allow", "Action": action, "Resource": resource });
    let whose = who.as_deref().unwrap_or("the role of the cluster");
    let text = format!(
        "Add this statement to a policy of {whose}. If it is there, the policy of the bucket, of an endpoint or of the \
         organization refuses it."
    );
    vec![copy(text, pretty(&statement))]
}

/// The same for a key, whose own policy has to allow it too (AWS KMS, key policies).
pub(super) fn key(refused: &Refusal<'_>) -> Vec<Advice> {
    let mut found = statement(refused);
    if !found.is_empty() {
        let who = refused.slot("principal").map_or_else(|| "the role".to_owned(), role);
        found.push(say(format!(
            "The key's own policy has to let {who} do it as well, or leave it to IAM; in another account it has to name the role."
        )));
    }
    found
}

/// Objects of Unity Catalog that GRANT knows.
const SECURABLES: [&str; 12] = [
    "CATALOG",
    "SCHEMA",
    "DATABASE",
    "TABLE",
    "VIEW",
    "VOLUME",
    "FUNCTION",
    "MODEL",
    "EXTERNAL LOCATION",
    "STORAGE CREDENTIAL",
    "CONNECTION",
    "METASTORE",
];

/// The statements of those functions, for what ran.
pub(super) fn said<'a>(case: &RemedyCase<'a>, of: fn(&Refusal<'_>) -> Vec<Advice>) -> Vec<Remedy<'a>> {
    of(&Refusal::of(case)).into_iter().map(Remedy::Say).collect()
}

pub(super) fn unity<'a>(case: &RemedyCase<'a>) -> Vec<Remedy<'a>> {
    if case.shows(&["REQUIRES_SINGLE_PART_NAMESPACE", "UC_NOT_ENABLED", "UC_COMMAND_NOT_SUPPORTED"]) {
        return access_mode(case);
    }
    said(case, grant)
}

/// The GRANT that a message asks for.
pub(super) fn grant(refused: &Refusal<'_>) -> Vec<Advice> {
    let (Some(action), Some(kind), Some(name)) =
        (refused.slot("action"), refused.slot("kind"), refused.slot("resource"))
    else {
        return Vec::new();
    };
    let action = action.trim().replace('_', " ").to_ascii_uppercase();
    let kind = kind.trim().replace('_', " ").to_ascii_uppercase();
    let is_words = |text: &str| !text.is_empty() && text.chars().all(|c| c.is_ascii_uppercase() || c == ' ');
    if !is_words(&action) || !SECURABLES.contains(&kind.as_str()) {
        return Vec::new();
    }
    let Some(principal) = refused.slot("principal").or(refused.runs_as) else {
        let text = "Grant it to whom the job runs as; neither the message nor the manifest names them.";
        return vec![copy(text, format!("GRANT {action} ON {kind} {} TO `PRINCIPAL`;", quoted_path(name)))];
    };
    let sql = if kind == "METASTORE" {
        format!("GRANT {action} ON METASTORE TO {};", quoted(principal))
    } else {
        format!("GRANT {action} ON {kind} {} TO {};", quoted_path(name), quoted(principal))
    };
    vec![copy(format!("Run this as an owner of the {}.", kind.to_ascii_lowercase()), sql)]
}

/// A name between backticks, as SQL takes any.
fn quoted(name: &str) -> String {
    format!("`{}`", name.replace('`', "``"))
}

fn quoted_path(name: &str) -> String {
    name.trim_matches(['`', '\'', '"'])
        .split('.')
        .map(|part| quoted(part.trim_matches('`')))
        .collect::<Vec<_>>()
        .join(".")
}

/// A cluster without an access mode has no Unity Catalog.
fn access_mode<'a>(case: &RemedyCase<'a>) -> Vec<Remedy<'a>> {
    let member = ["data_security_mode"];
    let is_without = |site: &super::ClusterSite<'a>| {
        site.text(&member).is_some_and(|mode| mode == "NONE" || mode.starts_with("LEGACY_"))
    };
    match case.only(is_without) {
        Ok(site) => {
            let why = "A cluster of this access mode does not know Unity Catalog; one for a single identity does.";
            vec![super::compute::set(site, &[(member, json!("SINGLE_USER"))], why)]
        }
        Err(names) => super::memory::several(&names, "Set data_security_mode to SINGLE_USER"),
    }
}

/// Whom the manifest of the job names.
fn runs_as<'a>(case: &RemedyCase<'a>) -> Option<&'a str> {
    let who = case.job?.spec.get("run_as")?;
    who.get("service_principal_name").or_else(|| who.get("user_name"))?.as_str()
}

pub(super) fn secret<'a>(case: &RemedyCase<'a>) -> Vec<Remedy<'a>> {
    let Some(scope) = case.slot("scope") else { return Vec::new() };
    let is_plain = |text: &str| text.chars().all(|c| c.is_ascii_alphanumeric() || "_-.@".contains(c));
    if !is_plain(scope) {
        return Vec::new();
    }
    let who = runs_as(case).filter(|who| is_plain(who)).unwrap_or("PRINCIPAL");
    if let Some(key) = case.slot("key").filter(|key| is_plain(key)) {
        let text = format!("If the key {key} is in the scope, whom the job runs as may not read it.");
        return vec![Remedy::Say(copy(text, format!("databricks secrets put-acl {scope} {who} READ")))];
    }
    vec![Remedy::Say(say(format!(
        "See whether the scope {scope} is in this workspace: `databricks secrets list-scopes`."
    )))]
}
