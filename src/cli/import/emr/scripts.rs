//! The scripts in S3 that steps and bootstrap actions run. They are read as text, and nothing of them is run.

use super::sources::TranslationSource;
use crate::cli::emr::connect;
use crate::cli::session::Project;
use crate::services::Requests;
use crate::services::s3::{S3Client, S3Request};
use crate::ui::{Failure, Ui};
use plumb_core::render::counted;
use plumb_core::render::value::visible;
use plumb_core::translate::{self, Script};
use plumb_model::call::{Call, System};
use std::collections::{BTreeMap, BTreeSet};

/// A longer script is not read, in bytes: a script of shell commands is never that long.
const LONGEST: u64 = 256 * 1024;

/// Reads each script once. One that cannot be read is a question, and does not end the import.
pub(super) async fn read(
    project: &Project,
    sources: impl Iterator<Item = &TranslationSource>,
    ui: &Ui,
) -> Result<BTreeMap<String, Script>, Failure> {
    let addresses: BTreeSet<String> =
        sources.flat_map(|source| translate::script_addresses(&source.pipeline.input)).collect();
    let mut scripts = BTreeMap::new();
    if addresses.is_empty() {
        return Ok(scripts);
    }
    let connected = connect(project, ui).await?;
    for address in addresses {
        let script = one(&connected.emr.identity(), &address).await?;
        if let Script::Unread(why) = &script {
            ui.warn(&format!("{} could not be read: {}", visible(&address), visible(why)));
        }
        scripts.insert(address, script);
    }
    let read = scripts.values().filter(|script| matches!(script, Script::Text(_))).count();
    ui.status(&format!("read {} of {}", read, counted(scripts.len(), "script", "scripts")));
    Ok(scripts)
}

/// A script, or why S3 does not give it: in words that are the same in every import. Only a connection that fails ends the
/// import, as another one would then give other manifests.
async fn one(aws: &crate::services::Aws, address: &str) -> Result<Script, Failure> {
    let (bucket, key) = address.strip_prefix("s3://").and_then(|rest| rest.split_once('/')).unwrap_or_default();
    if bucket.is_empty() || key.is_empty() {
        return Ok(Script::Unread("it is no address of a file in S3".to_owned()));
    }
    let failed =
        |why: String| Failure::error(format!("reading {} failed: {why}", visible(address))).hint("nothing was written");
    let client = S3Client::new(aws.clone(), bucket.to_owned(), String::new(), "the step", Requests::default());
    let client = client.map_err(|e| failed(e.to_string()))?;
    // Only for messages: the client forms its own requests.
    let call = Call::get(System::Emr, address.to_owned());
    let ask = S3Request { key, action: "s3:GetObject", longest: Some(LONGEST), ..S3Request::default() };
    let reply = match client.ask(&call, &ask).await.map_err(|fault| failed(fault.to_string()))? {
        Ok(reply) => reply,
        Err(refusal) if refusal.status == 404 => {
            return Ok(Script::Unread(format!("there is none at {address}: {}", refusal.code)));
        }
        Err(refusal) if matches!(refusal.status, 400..=403) => {
            let right = format!("it takes s3:GetObject on arn:aws:s3:::{bucket}/{key}: {}", refusal.code);
            return Ok(Script::Unread(right));
        }
        Err(refusal) => return Err(failed(client.explained(&call, &ask, refusal).await.to_string())),
    };
    let unread = |why: String| Ok(Script::Unread(why));
    let Some(bytes) = reply.body.filter(|body| body.len() as u64 <= LONGEST) else {
        return unread(format!("it is longer than {} KiB", LONGEST / 1024));
    };
    match String::from_utf8(bytes) {
        Ok(text) if !text.contains('\0') => Ok(Script::Text(text)),
        _ => unread("it is no text".to_owned()),
    }
}
