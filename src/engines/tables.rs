//! Sides that a SQL warehouse reads: pinned, and looked at again.

use super::compare::SideSource;
use super::files::SideError;
use super::pin::{Pinned, Pins};
use super::{Engine, EngineError, EngineFault};
use plumb_core::kinds::emr::compare::CompareSide;
use plumb_core::parity::files::{SideFault, fingerprint};
use plumb_core::parity::plan::Relation;
use plumb_core::parity::result::SideResult;
use plumb_core::parity::sql::tables::{self, TableVersion};
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
        let name = tables::table_name(&source).map_err(SideError::Failed)?;
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
}

impl PinnedSource {
    /// What is compared.
    pub fn source(&self) -> &SideSource {
        match self {
            PinnedSource::Files(pinned) => &pinned.source,
            PinnedSource::Table(pinned) => &pinned.source,
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
        }
    }
}
