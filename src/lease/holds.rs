//! The holds of a target: files beside the lease's, which a rollback leaves and the next plans read.
//!
//! One file a wave and day, made without overwriting, so that the first rollback of a cutover is the one that counts.

use base64::{Engine, engine::general_purpose::STANDARD};
use plumb_core::cutover::hold::{HOLD_FORMAT, Hold, Holds};
use plumb_model::call::{Call, Method, Service, ServiceError, System};
use serde_json::json;
use std::collections::BTreeSet;
use std::sync::Arc;

/// The folder below the lease's.
const FOLDER: &str = "holds";

/// The folder of holds of a target.
#[derive(Clone)]
pub struct HoldStore {
    service: Arc<dyn Service>,
    folder: String,
}

/// What came of leaving a hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HoldLeft {
    /// It is there now.
    Made,
    /// There was one already, of an earlier rollback.
    Earlier(Hold),
}

impl HoldStore {
    /// The holds beside a lease, whose folder this is.
    pub fn beside(service: Arc<dyn Service>, lease: &str) -> HoldStore {
        HoldStore { service, folder: format!("{lease}/{FOLDER}") }
    }

    /// Reads those that bind these waves and days. A folder that nobody made yet has none; what cannot be read is not known.
    pub async fn read(&self, waves: &BTreeSet<(String, String)>) -> Holds {
        let mut holds = Holds::default();
        match self.names().await {
            Ok(names) => {
                for (wave, day) in waves {
                    let name = file_name(wave, day);
                    if !names.contains(&name) {
                        continue;
                    }
                    match self.file(&name).await {
                        Ok(Some(hold)) if (&hold.wave, &hold.cutover) == (wave, day) => holds.holds.push(hold),
                        Ok(Some(_)) => drop(holds.unread.insert(format!("{} is of another wave", self.path(&name)))),
                        // Somebody removed it since the listing.
                        Ok(None) => {}
                        Err(why) => drop(holds.unread.insert(why)),
                    }
                }
            }
            Err(fault) => holds.unread = Some(format!("{} cannot be listed: {fault}", self.folder)),
        }
        holds
    }

    /// Leaves a hold, unless there is one.
    ///
    /// # Errors
    /// It is not known to be there.
    pub async fn leave(&self, hold: &Hold) -> Result<HoldLeft, String> {
        let body = json!({ "path": self.folder });
        let folder = Call::set(System::Databricks, Method::Post, "/api/2.0/workspace/mkdirs", body);
        self.service.send(&folder).await.map_err(|e| e.to_string())?;
        let name = file_name(&hold.wave, &hold.cutover);
        let text = serde_json::to_string_pretty(hold).map_err(|e| e.to_string())?;
        let body = json!({
            "path": self.path(&name), "format": "AUTO", "content": STANDARD.encode(text), "overwrite": false,
        });
        let import = Call::set(System::Databricks, Method::Post, "/api/2.0/workspace/import", body);
        // Sent twice, it would find its own file: it is read, then, and told apart.
        let import = Call { repeatable: false, ..import };
        let fault = match self.service.send(&import).await {
            Ok(_) => return Ok(HoldLeft::Made),
            Err(fault) => fault,
        };
        if !exists(&fault) && !fault.may_have_happened() {
            return Err(fault.to_string());
        }
        match self.file(&name).await? {
            Some(there) if there == *hold => Ok(HoldLeft::Made),
            Some(there) if (&there.wave, &there.cutover) == (&hold.wave, &hold.cutover) => Ok(HoldLeft::Earlier(there)),
            Some(_) => Err(format!("{} is of another wave", self.path(&name))),
            None => Err(fault.to_string()),
        }
    }

    /// The names of the files.
    async fn names(&self) -> Result<BTreeSet<String>, ServiceError> {
        let call = Call::get(System::Databricks, "/api/2.0/workspace/list").query("path", &self.folder);
        match self.service.send(&call).await {
            Ok(answer) => {
                let rows = answer.body["objects"].as_array().into_iter().flatten();
                let paths = rows.filter_map(|row| row["path"].as_str());
                Ok(paths.map(|path| path.rsplit('/').next().unwrap_or_default().to_owned()).collect())
            }
            Err(fault) if fault.is_gone() => Ok(BTreeSet::new()),
            Err(fault) => Err(fault),
        }
    }

    async fn file(&self, name: &str) -> Result<Option<Hold>, String> {
        let path = self.path(name);
        let call =
            Call::get(System::Databricks, "/api/2.0/workspace/export").query("path", &path).query("format", "AUTO");
        let answer = match self.service.send(&call).await {
            Ok(answer) => answer.body,
            Err(fault) if fault.is_gone() => return Ok(None),
            Err(fault) => return Err(fault.to_string()),
        };
        let text = answer["content"].as_str().and_then(|content| STANDARD.decode(content).ok()).unwrap_or_default();
        let hold: Hold = serde_json::from_slice(&text)
            .map_err(|e| format!("{path} cannot be read ({e}): see what it is, and remove it if it is no hold"))?;
        if hold.format != HOLD_FORMAT {
            return Err(format!("{path} is of the format `{}`, and this plumb knows `{HOLD_FORMAT}`", hold.format));
        }
        Ok(Some(hold))
    }

    fn path(&self, name: &str) -> String {
        format!("{}/{name}", self.folder)
    }
}

fn exists(fault: &ServiceError) -> bool {
    match fault {
        ServiceError::Refused { status, code, .. } => *status == 409 || code == "RESOURCE_ALREADY_EXISTS",
        _ => false,
    }
}

/// `1-2026-11-02.json`. What a path may not have in a wave's name is written as its bytes: `a/b` as `a_2fb`.
fn file_name(wave: &str, day: &str) -> String {
    let mut name = String::new();
    for byte in wave.bytes() {
        if byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'.' {
            name.push(char::from(byte));
        } else {
            name.push_str(&format!("_{byte:02x}"));
        }
    }
    format!("{name}-{day}.json")
}

#[cfg(test)]
#[path = "holds_tests.rs"]
mod tests;
