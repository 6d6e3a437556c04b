//! Sides of outputs, pinned: listed before they are compared, and looked at again afterwards.

use super::bucket::{BucketSide, DownloadCache, PinnedBucket};
use super::compare::SideSource;
use super::files::{LocalSide, PinnedSide, SideError};
use crate::services::aws::Env;
use crate::settings;
use plumb_core::kinds::emr::compare::{CompareSide, FileFormat};
use plumb_core::parity::plan::{FilePart, FileRelation, Relation};
use plumb_core::parity::result::SideResult;
use plumb_core::parity::types::DataType;
use plumb_core::parity::verdict::source;
use std::path::{Path, PathBuf};

/// A side whose files are known.
pub struct Pinned {
    pub source: SideSource,
    place: PinnedPlace,
}

/// Where it is looked at again.
enum PinnedPlace {
    Local(LocalSide, PinnedSide),
    Bucket(Box<PinnedBucket>),
}

/// Pins the sides of a run.
pub struct Pins {
    /// The folder of plumb.yaml.
    dir: PathBuf,
    inputs: Vec<PathBuf>,
    has_delta: bool,
    /// The most bytes of downloads.
    most: u64,
    /// Made when something is downloaded first.
    cache: Option<DownloadCache>,
}

impl Pins {
    /// Those of a project, with room for so many bytes of downloads.
    pub fn new(dir: &Path, most: u64) -> Pins {
        Pins { dir: dir.to_owned(), inputs: Vec::new(), has_delta: false, most, cache: None }
    }

    /// What an engine has to be allowed to read.
    pub fn inputs(&self) -> Vec<PathBuf> {
        self.inputs.clone()
    }

    /// Whether some side is a Delta folder.
    pub fn has_delta(&self) -> bool {
        self.has_delta
    }

    /// Lists the files of a side.
    ///
    /// # Errors
    /// Why there is no verdict about it, or what is wrong with rights.
    pub async fn pin(&mut self, side: &CompareSide) -> Result<Pinned, SideError> {
        let format = side.format.unwrap_or(FileFormat::Parquet);
        self.has_delta |= format == FileFormat::Delta;
        let path = side.path.as_deref().unwrap_or_default();
        let (files, place) = if path.starts_with("s3://") || path.starts_with("s3a://") {
            self.download(side, format).await?
        } else {
            let path = std::path::absolute(self.dir.join(path)).map_err(|e| SideError::Failed(e.to_string()))?;
            let local = LocalSide { source: source(side), path, format, done: side.done.clone() };
            let (local, files) = blocking(move || {
                let files = local.pin();
                (local, files)
            })
            .await?;
            let files = files?;
            (files.clone(), PinnedPlace::Local(local, files))
        };
        self.inputs.push(files.input.clone());
        let relation = Relation::Files(typed(side, files.files.parts.clone())?);
        let result = SideResult {
            source: source(side),
            rows: None,
            fingerprint: Some(files.fingerprint.clone()),
            version: files.files.delta_version.map(|version| version.to_string()),
            files: Some(files.files.pinned.len() as u64),
            bytes: Some(files.files.bytes()),
        };
        Ok(Pinned { source: SideSource { relation, result }, place })
    }

    /// Lists a folder of S3 and downloads what is not here yet.
    async fn download(
        &mut self,
        side: &CompareSide,
        format: FileFormat,
    ) -> Result<(PinnedSide, PinnedPlace), SideError> {
        let bucket = BucketSide::new(side.path.as_deref().unwrap_or_default(), format, side.done.as_deref());
        let env: Env = std::sync::Arc::new(settings::env);
        let pinned = bucket.map_err(SideError::Failed)?.pin(&env).await?;
        let cache = match &mut self.cache {
            Some(cache) => cache,
            None => {
                let folder = settings::cache_folder().ok_or_else(|| {
                    SideError::Failed("there is no place for downloads: set PLUMB_CACHE to a folder".into())
                })?;
                let cache = DownloadCache::open(&folder.join("parity"), self.most).map_err(SideError::Failed)?;
                self.cache.insert(cache)
            }
        };
        let files = pinned.fetch(cache).await?;
        Ok((files, PinnedPlace::Bucket(Box::new(pinned))))
    }

    /// Looks again.
    ///
    /// # Errors
    /// What was changed meanwhile, or cannot be looked at any more.
    pub async fn look_again(&self, pinned: &Pinned) -> Result<(), SideError> {
        match &pinned.place {
            PinnedPlace::Bucket(bucket) => bucket.repin().await,
            PinnedPlace::Local(local, files) => {
                let (local, files) = (local.clone(), files.clone());
                blocking(move || local.repin(&files)).await?
            }
        }
    }
}

/// Files with the types that the manifest gives: of columns, and of partitions.
pub(super) fn typed(side: &CompareSide, files: Vec<FilePart>) -> Result<FileRelation, SideError> {
    let format = side.format.unwrap_or(FileFormat::Parquet);
    let partitions = files.first().map(|part| part.partitions.as_slice()).unwrap_or_default();
    let is_partition = |name: &str| partitions.iter().any(|(own, _)| own.to_lowercase() == name.to_lowercase());
    let (mut columns, mut partition_types) = (Vec::new(), Vec::new());
    for (name, of_type) in side.columns.iter().flat_map(|columns| &columns.0) {
        let of_type = DataType::from_spark(of_type).map_err(SideError::Failed)?;
        if is_partition(name) {
            partition_types.push((name.clone(), of_type));
        } else if matches!(format, FileFormat::Parquet | FileFormat::Delta) {
            let why = "the files say the types of their columns; of Parquet `columns` says those of partitions only";
            return Err(SideError::Failed(format!(
                "`columns` names `{name}`, which is no partition of {}: {why}",
                source(side)
            )));
        } else {
            columns.push((name.clone(), of_type));
        }
    }
    let csv = side.csv.clone().unwrap_or_default();
    Ok(FileRelation { format, files, csv, columns, partition_types })
}

/// Runs what waits for a disk apart from what waits for a network.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, SideError> {
    tokio::task::spawn_blocking(work).await.map_err(|e| SideError::Failed(e.to_string()))
}
