//! The state of all emulated services in one value, with the clock: it is saved to a file and loaded from it.

use super::{airflow, databricks, emr, errors::Error, gcs, s3, saving, settings::SandboxSettings};
use serde::{Deserialize, Serialize};
use std::{
    path::Path,
    time::{SystemTime, UNIX_EPOCH},
};

/// Where the time comes from.
#[derive(Clone, Copy, Debug)]
pub enum Clock {
    /// The machine's clock.
    Real,
    /// Stands still at these milliseconds since 1970 until it is advanced.
    Fixed(i64),
}

/// The state of all emulated services, and the clock and settings they live by.
#[derive(Debug)]
pub struct Store {
    clock: Clock,
    /// Where the clock is held while time is played, see [`crate::play`].
    held: Option<i64>,
    saved: Saved,
    pub(crate) databricks: databricks::DatabricksState,
    pub(crate) airflow: airflow::AirflowState,
    pub(crate) emr: emr::EmrState,
    pub(crate) s3: s3::S3State,
    pub(crate) gcs: gcs::GcsState,
    /// What tests and demos may set.
    pub settings: SandboxSettings,
    pub(crate) tokens: databricks::identity::DatabricksTokens,
    pub(crate) airflow_tokens: airflow::auth::AirflowTokens,
    /// The environment of MWAA. It is not saved.
    pub(crate) mwaa: Option<airflow::mwaa::MwaaServed>,
    pub(crate) gcs_tokens: gcs::GcsTokens,
    /// Where the workspace is now. It is not saved: the next sandbox has another port.
    pub(crate) workspace: String,
    /// Whether the code of job runs is run. It is not saved: only whoever starts the process says so.
    pub(crate) runs_code: bool,
}

/// What stands for the workspace's address in what is kept.
pub(crate) const WORKSPACE: &str = "http://workspace.sandbox";

/// What of the store is written to `--state FILE`, and what `/_sandbox/state` shows.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
struct Saved {
    format: u32,
    serial: u64,
    advanced_ms: i64,
}

#[derive(Deserialize)]
struct Dump {
    #[serde(flatten)]
    saved: Saved,
    #[serde(default)]
    settings: SandboxSettings,
    #[serde(default)]
    databricks: databricks::DatabricksState,
    #[serde(default)]
    airflow: airflow::AirflowState,
    #[serde(default)]
    emr: emr::EmrState,
    #[serde(default)]
    s3: s3::S3State,
    #[serde(default)]
    gcs: gcs::GcsState,
}

/// A [`Dump`] that is written: the store is looked at, not copied.
#[derive(Serialize)]
struct View<'a> {
    #[serde(flatten)]
    saved: &'a Saved,
    settings: &'a SandboxSettings,
    databricks: &'a databricks::DatabricksState,
    airflow: &'a airflow::AirflowState,
    emr: &'a emr::EmrState,
    s3: &'a s3::S3State,
    gcs: &'a gcs::GcsState,
}

const FORMAT: u32 = 1;

impl Store {
    /// An empty store.
    pub fn new(clock: Clock) -> Self {
        Store {
            clock,
            held: None,
            saved: Saved { format: FORMAT, ..Saved::default() },
            databricks: databricks::DatabricksState::default(),
            airflow: airflow::AirflowState::default(),
            emr: emr::EmrState::default(),
            s3: s3::S3State::default(),
            gcs: gcs::GcsState::default(),
            settings: SandboxSettings::default(),
            tokens: databricks::identity::DatabricksTokens::default(),
            airflow_tokens: airflow::auth::AirflowTokens::default(),
            mwaa: None,
            gcs_tokens: gcs::GcsTokens::default(),
            workspace: WORKSPACE.to_owned(),
            runs_code: false,
        }
    }

    /// Milliseconds since 1970, as the sandbox counts them.
    pub fn now(&self) -> i64 {
        self.held.unwrap_or_else(|| self.base().saturating_add(self.saved.advanced_ms))
    }

    /// The clock's own time, as it was never moved on.
    fn base(&self) -> i64 {
        match self.clock {
            Clock::Fixed(ms) => ms,
            Clock::Real => {
                let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
                i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
            }
        }
    }

    /// Holds the clock at a time, whatever the machine's clock does.
    pub(crate) fn hold(&mut self, ms: i64) {
        self.held = Some(ms);
    }

    /// Lets the clock go on from a time.
    pub(crate) fn go_on(&mut self, ms: i64) {
        self.held = None;
        self.saved.advanced_ms = ms.saturating_sub(self.base());
    }

    /// A kept text, with the address that the workspace has now.
    pub(crate) fn here(&self, text: &str) -> String {
        text.replace(WORKSPACE, &self.workspace)
    }

    /// Moves the clock on.
    pub fn advance(&mut self, seconds: i64) {
        self.saved.advanced_ms = self.saved.advanced_ms.saturating_add(seconds.saturating_mul(1000));
    }

    /// The next number of a sequence that is never used twice, not even across restarts.
    pub(crate) fn serial(&mut self) -> u64 {
        self.saved.serial += 1;
        self.saved.serial
    }

    /// Sixteen hexadecimal digits that look random and are the same in every run.
    pub(crate) fn scrambled(serial: u64) -> String {
        // splitmix64: neighbours differ in every digit.
        let mut z = serial.wrapping_mul(0x9E37_79B9_7F4A_7C15);
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        format!("{:016x}", z ^ (z >> 31))
    }

    /// Refuses every token presented or issued so far; answers how many there were.
    pub(crate) fn revoke(&mut self) -> usize {
        self.tokens.revoke_all() + self.airflow_tokens.expire_all() + self.gcs_tokens.expire_all()
    }

    /// All the objects, as `/_sandbox/state` shows them.
    pub fn dump(&self) -> serde_json::Value {
        serde_json::to_value(self.view()).unwrap_or_default()
    }

    /// Writes a [`Store::dump`] as JSON.
    pub(crate) fn serialize(&self, into: &mut Vec<u8>) {
        // Every key is a text and every number finite, and memory takes what is written: it cannot fail.
        let _ = serde_json::to_writer(into, &self.view());
    }

    fn view(&self) -> View<'_> {
        let Store { saved, settings, databricks, airflow, emr, s3, gcs, .. } = self;
        View { saved, settings, databricks, airflow, emr, s3, gcs }
    }

    /// Replaces all the objects by a [`Store::dump`].
    pub(crate) fn restore(&mut self, dump: serde_json::Value) -> Result<(), String> {
        let dump: Dump = serde_json::from_value(dump).map_err(|e| e.to_string())?;
        if dump.saved.format > FORMAT {
            return Err(format!("format {} is newer than this program knows ({FORMAT})", dump.saved.format));
        }
        // A serial never goes back: an id that was once given out would come again.
        self.saved.serial = self.saved.serial.max(dump.saved.serial);
        self.saved.advanced_ms = dump.saved.advanced_ms;
        self.settings = dump.settings;
        self.databricks = dump.databricks;
        self.airflow = dump.airflow;
        self.emr = dump.emr;
        self.s3 = dump.s3;
        self.gcs = dump.gcs;
        databricks::code::lost(self);
        Ok(())
    }

    /// Loads a state file; one that is not there is an empty state.
    pub(crate) fn load(&mut self, path: &Path) -> Result<(), Error> {
        let unreadable = |why: String| Error::State { path: path.to_owned(), why };
        let text = match std::fs::read(path) {
            Ok(text) => text,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(()),
            Err(e) => return Err(unreadable(e.to_string())),
        };
        let value = serde_json::from_slice(&text).map_err(|e| unreadable(e.to_string()))?;
        self.restore(value).map_err(unreadable)
    }

    /// Writes the state file whole or not at all.
    pub(crate) fn save(&self, path: &Path) -> Result<(), Error> {
        let mut bytes = Vec::new();
        self.serialize(&mut bytes);
        saving::write(path, &bytes).map_err(|e| Error::State { path: path.to_owned(), why: e.to_string() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_file_brings_everything_back_and_ids_go_on() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("state.json");
        let mut store = Store::new(Clock::Fixed(1_000));
        store.load(&path).unwrap();
        store.serial();
        store.advance(5);
        store.settings.list_delay_reads = 2;
        store.save(&path).unwrap();

        let mut again = Store::new(Clock::Fixed(1_000));
        again.load(&path).unwrap();
        assert_eq!((again.serial(), again.now(), again.settings.list_delay_reads), (2, 6_000, 2));
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1, "no temporary file is left");
    }

    #[test]
    fn a_broken_state_file_is_refused_with_its_name() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("state.json");
        std::fs::write(&path, "{").unwrap();
        let error = Store::new(Clock::Real).load(&path).unwrap_err().to_string();
        assert!(error.contains("state.json"), "{error}");
    }
}
