//! Sides of outputs, pinned: listed before they are compared, and looked at again afterwards.

use super::compare::SideSource;
use super::files::{LocalSide, PinnedSide, SideError};
use plumb_core::kinds::emr::compare::{CompareSide, FileFormat};
use plumb_core::parity::plan::{FileRelation, Relation};
use plumb_core::parity::result::SideResult;
use plumb_core::parity::types::DataType;
use plumb_core::parity::verdict::source;
use std::path::{Path, PathBuf};

/// A side whose files are known.
#[derive(Clone, Debug)]
pub struct Pinned {
    pub source: SideSource,
    local: LocalSide,
    files: PinnedSide,
}

/// Pins the sides of a run.
pub struct Pins {
    /// The folder of plumb.yaml.
    dir: PathBuf,
    inputs: Vec<PathBuf>,
}

impl Pins {
    /// Those of a project.
    pub fn new(dir: &Path) -> Pins {
        Pins { dir: dir.to_owned(), inputs: Vec::new() }
    }

    /// What an engine has to be allowed to read.
    pub fn inputs(&self) -> Vec<PathBuf> {
        self.inputs.clone()
    }

    /// Lists the files of a side.
    ///
    /// # Errors
    /// Why there is no verdict about it, or what is wrong with rights.
    pub async fn pin(&mut self, side: &CompareSide) -> Result<Pinned, SideError> {
        let format = side.format.unwrap_or(FileFormat::Parquet);
        let path = self.dir.join(side.path.as_deref().unwrap_or_default());
        let path = std::path::absolute(path).map_err(|e| SideError::Failed(e.to_string()))?;
        let local = LocalSide { source: source(side), path, format, done: side.done.clone() };
        let (local, files) = blocking(move || {
            let files = local.pin();
            (local, files)
        })
        .await?;
        let files = files?;
        self.inputs.push(files.input.clone());
        let partitions = files.files.parts.first().map(|part| part.partitions.clone()).unwrap_or_default();
        let is_partition = |name: &str| partitions.iter().any(|(own, _)| own.to_lowercase() == name.to_lowercase());
        let (mut columns, mut partition_types) = (Vec::new(), Vec::new());
        for (name, of_type) in side.columns.iter().flat_map(|columns| &columns.0) {
            let of_type = DataType::from_spark(of_type).map_err(SideError::Failed)?;
            if is_partition(name) {
                partition_types.push((name.clone(), of_type));
            } else if matches!(format, FileFormat::Parquet | FileFormat::Delta) {
                let why = "the files say the types of their columns; of Parquet `columns` says those of partitions only";
                return Err(SideError::Failed(format!("`columns` names `{name}`, which is no partition of {}: {why}", source(side))));
            } else {
                columns.push((name.clone(), of_type));
            }
        }
        let relation = Relation::Files(FileRelation {
            format,
            files: files.files.parts.clone(),
            csv: side.csv.clone().unwrap_or_default(),
            columns,
            partition_types,
        });
        let result = SideResult {
            source: source(side),
            rows: None,
            fingerprint: Some(files.fingerprint.clone()),
            version: files.files.delta_version.map(|version| version.to_string()),
            files: Some(files.files.pinned.len() as u64),
            bytes: Some(files.files.bytes()),
        };
        Ok(Pinned { source: SideSource { relation, result }, local, files })
    }

    /// Looks again.
    ///
    /// # Errors
    /// What was changed meanwhile, or cannot be looked at any more.
    pub async fn look_again(&self, pinned: &Pinned) -> Result<(), SideError> {
        let (local, files) = (pinned.local.clone(), pinned.files.clone());
        blocking(move || local.repin(&files)).await?
    }
}

/// Runs what waits for a disk apart from what waits for a network.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, SideError> {
    tokio::task::spawn_blocking(work).await.map_err(|e| SideError::Failed(e.to_string()))
}
