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
        let script = match one(&connected.emr.identity(), &address).await {
            Ok(text) => Script::Text(text),
            Err(why) => {
                ui.warn(&format!("{} could not be read: {}", visible(&address), visible(&why)));
                Script::Unread(why)
            }
        };
        scripts.insert(address, script);
    }
    let read = scripts.values().filter(|script| matches!(script, Script::Text(_))).count();
    ui.status(&format!("read {} of {}", read, counted(scripts.len(), "script", "scripts")));
    Ok(scripts)
}

async fn one(aws: &crate::services::Aws, address: &str) -> Result<String, String> {
    let (bucket, key) = address.strip_prefix("s3://").and_then(|rest| rest.split_once('/')).unwrap_or_default();
    if bucket.is_empty() || key.is_empty() {
        return Err("it is no address of a file in S3".to_owned());
    }
    let client = S3Client::new(aws.clone(), bucket.to_owned(), String::new(), "the step", Requests::default());
    let client = client.map_err(|e| e.to_string())?;
    // Only for messages: the client forms its own requests.
    let call = Call::get(System::Emr, address.to_owned());
    let ask = S3Request { key, action: "s3:GetObject", longest: Some(LONGEST), ..S3Request::default() };
    let reply = match client.ask(&call, &ask).await.map_err(|fault| fault.to_string())? {
        Ok(reply) => reply,
        Err(refusal) => return Err(client.explained(&call, &ask, refusal).await.to_string()),
    };
    let bytes = reply.body.filter(|body| body.len() as u64 <= LONGEST);
    let bytes = bytes.ok_or_else(|| format!("it is longer than {} KiB", LONGEST / 1024))?;
    String::from_utf8(bytes).ok().filter(|text| !text.contains('\0')).ok_or_else(|| "it is no text".to_owned())
}
