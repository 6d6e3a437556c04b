//! Sides that a SQL warehouse reads: pinned, and looked at again.

use super::compare::SideSource;
use super::files::SideError;
use super::pin::{Pinned, Pins, typed};
use super::{Engine, EngineError, EngineFault};
use plumb_core::kinds::emr::compare::{CompareSide, FileFormat};
use plumb_core::parity::files::{ListedFile, ReadAs, SideFault, SideFiles, changes, choose, fingerprint};
use plumb_core::parity::plan::{FilePart, Relation};
use plumb_core::parity::result::SideResult;
use plumb_core::parity::sql::cloud;
use plumb_core::parity::sql::tables::{self, TableVersion};
use plumb_core::parity::types::DataType;
use plumb_core::parity::verdict::source;

/// A table at a version.
#[derive(Clone, Debug)]
pub struct PinnedTable {
    pub source: SideSource,
    name: Vec<String>,
    pinned: TableVersion,
}

impl PinnedTable {
    /// Pins a table to its latest version.
    ///
    /// # Errors
    /// Why there is no verdict about it, or what is wrong with the warehouse or with rights.
    pub async fn pin(engine: &mut Engine, side: &CompareSide) -> Result<PinnedTable, SideError> {
        let source = source(side);
        let name = match &side.path {
            // "delta.`PATH`" of Databricks' documentation, "What is a table?": a Delta folder by its path.
            Some(path) => vec!["delta".to_owned(), path.clone()],
            None => tables::table_name(&source).map_err(SideError::Failed)?,
        };
        let history = history(engine, &source, &name, 1).await?;
        let Some(pinned) = history.into_iter().next() else {
            return Err(SideError::Failed(format!("{source}: the warehouse says no version")));
        };
        let version = pinned.version.to_string();
        let result = SideResult {
            source: source.clone(),
            fingerprint: Some(fingerprint([(&*source, 0, &*version)].into_iter())),
            version: Some(version),
            ..SideResult::default()
        };
        let relation = Relation::Table { name: name.clone(), version: Some(pinned.version) };
        Ok(PinnedTable { source: SideSource { relation, result }, name, pinned })
    }

    /// Whether the version that was pinned is still there, and the same. What is written meanwhile becomes another version
    /// and changes nothing; a table that is dropped and made again has other versions of the same numbers.
    ///
    /// # Errors
    /// That it is not, or cannot be looked at any more.
    pub async fn look_again(&self, engine: &mut Engine) -> Result<(), SideError> {
        let source = &self.source.result.source;
        let mut seen = history(engine, source, &self.name, 1).await?;
        if let Some(latest) = seen.first() {
            let since = tables::versions_since(source, &self.pinned, latest).map_err(SideError::NoVerdict)?;
            if since > 1 {
                seen = history(engine, source, &self.name, since).await?;
            }
        }
        tables::same_version(source, &self.pinned, &seen).map_err(SideError::NoVerdict)
    }
}

async fn history(
    engine: &mut Engine,
    source: &str,
    name: &[String],
    versions: u64,
) -> Result<Vec<TableVersion>, SideError> {
    let rows = engine.rows(&tables::history(name, versions)).await.map_err(|error| side_error(source, error))?;
    tables::read_history(&rows).map_err(|why| SideError::Failed(format!("{source}: {why}")))
}

/// A folder of S3 that the warehouse reads itself, through an external location.
#[derive(Clone, Debug)]
pub struct PinnedFolder {
    pub source: SideSource,
    folder: String,
    format: FileFormat,
    done: Option<String>,
    pinned: Vec<ListedFile>,
}

impl PinnedFolder {
    /// Has the warehouse list the files of a folder, with sizes and times.
    ///
    /// # Errors
    /// Why there is no verdict about it, or what is wrong with the warehouse or with rights.
    pub async fn pin(engine: &mut Engine, side: &CompareSide) -> Result<PinnedFolder, SideError> {
        let source = source(side);
        let folder = format!("{}/", source.trim_end_matches('/'));
        let format = side.format.unwrap_or(FileFormat::Parquet);
        let files = look(engine, &source, &folder, format, side.done.as_deref()).await?;
        let described = files.pinned.iter().map(|file| (&*file.path, file.size, &*file.version));
        let result = SideResult {
            source: source.clone(),
            fingerprint: Some(fingerprint(described)),
            files: Some(files.pinned.len() as u64),
            bytes: Some(files.bytes()),
            ..SideResult::default()
        };
        let partitions = files.parts.first().map(|part| part.partitions.clone()).unwrap_or_default();
        let part = FilePart { path: folder.clone(), partitions, julian: false };
        let mut relation = typed(side, vec![part])?;
        // Texts, unless the manifest says what they are: the warehouse would guess.
        for (name, _) in &relation.files[0].partitions {
            if !relation.partition_types.iter().any(|(own, _)| own.to_lowercase() == name.to_lowercase()) {
                relation.partition_types.push((name.clone(), DataType::String));
            }
        }
        let source = SideSource { relation: Relation::Files(relation), result };
        Ok(PinnedFolder { source, folder, format, done: side.done.clone(), pinned: files.pinned })
    }

    /// Whether the files are those that were listed.
    ///
    /// # Errors
    /// What was changed meanwhile, or cannot be looked at any more.
    pub async fn look_again(&self, engine: &mut Engine) -> Result<(), SideError> {
        let source = &self.source.result.source;
        let now = look(engine, source, &self.folder, self.format, self.done.as_deref()).await?;
        changes(source, &self.pinned, &now.pinned).map_or(Ok(()), |fault| Err(SideError::NoVerdict(fault)))
    }
}

async fn look(
    engine: &mut Engine,
    source: &str,
    folder: &str,
    format: FileFormat,
    done: Option<&str>,
) -> Result<SideFiles, SideError> {
    let files = engine.rows(&cloud::files(folder)).await.map_err(|error| side_error(source, error))?;
    let listed = engine.rows(&cloud::list(folder)).await.map_err(|error| side_error(source, error))?;
    let all = cloud::read_listing(source, folder, done, &files, &listed).map_err(SideError::NoVerdict)?;
    choose(&all, ReadAs { source, root: folder, format, done }).map_err(SideError::NoVerdict)
}

/// What an engine's error says of a side.
fn side_error(source: &str, EngineError { fault, step }: EngineError) -> SideError {
    match fault {
        EngineFault::Unreadable(why) => {
            SideError::NoVerdict(SideFault { cause: "unreadable", says: format!("{source}: {why}") })
        }
        fault => SideError::Failed(format!("{source}: {fault} (at step `{step}`)")),
    }
}

/// A side that is pinned, whatever it is.
pub enum PinnedSource {
    Files(Box<Pinned>),
    Table(PinnedTable),
    Folder(Box<PinnedFolder>),
}

impl PinnedSource {
    /// Pins a side that a warehouse reads.
    ///
    /// # Errors
    /// Why there is no verdict about it, or what is wrong with the warehouse or with rights.
    pub async fn of_warehouse(engine: &mut Engine, side: &CompareSide) -> Result<PinnedSource, SideError> {
        if side.table.is_some() || side.format == Some(FileFormat::Delta) {
            if let (Some(path), Some(done)) = (&side.path, &side.done) {
                let listed = engine.rows(&cloud::list(path)).await.map_err(|error| side_error(path, error))?;
                cloud::finished(path, done, &listed).map_err(SideError::NoVerdict)?;
            }
            Ok(PinnedSource::Table(PinnedTable::pin(engine, side).await?))
        } else {
            Ok(PinnedSource::Folder(Box::new(PinnedFolder::pin(engine, side).await?)))
        }
    }

    /// What is compared.
    pub fn source(&self) -> &SideSource {
        match self {
            PinnedSource::Files(pinned) => &pinned.source,
            PinnedSource::Table(pinned) => &pinned.source,
            PinnedSource::Folder(pinned) => &pinned.source,
        }
    }

    /// Whether it is still what was pinned.
    ///
    /// # Errors
    /// What was changed meanwhile, or cannot be looked at any more.
    pub async fn look_again(&self, pins: &Pins, engine: &mut Engine) -> Result<(), SideError> {
        match self {
            PinnedSource::Files(pinned) => pins.look_again(pinned).await,
            PinnedSource::Table(pinned) => pinned.look_again(engine).await,
            PinnedSource::Folder(pinned) => pinned.look_again(engine).await,
        }
    }
}
