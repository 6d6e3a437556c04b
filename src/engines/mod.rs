//! What runs the SQL of a comparison that `plumb-core` wrote, and the files that it reads.
//!
//! An engine answers a statement whole or not at all: a child that dies, a statement that is interrupted and an answer that
//! breaks off are errors, never a shorter answer.

mod answer;
pub mod bucket;
pub mod compare;
pub mod duckdb;
pub mod files;
pub mod find;
pub mod pin;
mod selftest;
pub mod setup;
pub mod suggest;
pub mod tables;
pub mod warehouse;

pub use duckdb::{Duckdb, DuckdbOptions};
pub use warehouse::WarehouseEngine;

use plumb_core::parity::sql::{self, Dialect, SqlRow, Statement};

/// An engine that is ready to answer.
pub enum Engine {
    Duckdb(Box<Duckdb>),
    Warehouse(WarehouseEngine),
}

impl Engine {
    /// Runs one statement and returns all rows of its answer.
    ///
    /// # Errors
    /// What the engine says of the statement. After [`EngineFault::Gone`] it answers nothing more.
    pub async fn rows(&mut self, statement: &Statement) -> Result<Vec<SqlRow>, EngineError> {
        match self {
            Engine::Duckdb(duckdb) => duckdb.rows(statement).await,
            Engine::Warehouse(warehouse) => warehouse.rows(statement).await,
        }
    }

    /// `duckdb`, `databricks`.
    pub fn name(&self) -> &'static str {
        match self {
            Engine::Duckdb(_) => "duckdb",
            Engine::Warehouse(_) => "databricks",
        }
    }

    /// How it spells SQL.
    pub fn dialect(&self) -> &'static dyn Dialect {
        match self {
            Engine::Duckdb(_) => &sql::Duckdb,
            Engine::Warehouse(_) => &sql::Databricks,
        }
    }

    /// `1.5.5`, `2026.25`.
    pub fn version(&self) -> &str {
        match self {
            Engine::Duckdb(duckdb) => duckdb.version(),
            Engine::Warehouse(warehouse) => warehouse.version(),
        }
    }
}

/// A statement that was not answered.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{step}: {fault}")]
pub struct EngineError {
    /// Which step of the comparison it was.
    pub step: String,
    pub fault: EngineFault,
}

/// Why a statement was not answered. No text holds values of the data.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EngineFault {
    /// A file is not what it should be: it is corrupt or cut short, a value is not of its type, schemas do not fit together.
    #[error("{0}")]
    Unreadable(String),
    /// A right is missing.
    #[error("{0}")]
    Refused(String),
    /// The memory limit is too low for it, even with what can be spilled to disk.
    #[error("{0}; give it more with `--memory`")]
    OutOfMemory(String),
    /// The engine has ended.
    #[error("{0}")]
    Gone(String),
    /// Anything else.
    #[error("{0}")]
    Failed(String),
}

impl EngineFault {
    /// The error of a step.
    pub(crate) fn at(self, step: &str) -> EngineError {
        EngineError { step: step.to_owned(), fault: self }
    }
}
