//! SQL warehouses: found by name or id, and what is wrong with one. Only read.
//!
//! Facts: databricks-sdk-py 0.156, `service/sql.py` (`WarehousesAPI`, `State`, `EndpointHealth`); Databricks'
//! documentation, "SQL warehouse access control".

use super::statements::StatementError;
use crate::services::{odd_answer, read};
use plumb_model::call::{Call, Service, System};
use plumb_model::read::Read;
use plumb_model::text::{percent_encoded, shortened};
use plumb_model::yaml::nearest;
use serde_json::Value;
use std::time::Duration;

const PATH: &str = "/api/2.0/sql/warehouses";
/// How many warehouses a message names.
const NAMED: usize = 10;
/// A longer text of the service is cut.
const LONGEST_MESSAGE: usize = 500;

/// A warehouse to run statements on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Warehouse {
    pub id: String,
    pub name: String,
}

/// Why a warehouse takes no statements.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("SQL warehouse `{warehouse}`: {why}")]
pub struct WarehouseError {
    /// As the manifest has it, or its name.
    pub warehouse: String,
    pub why: String,
    /// What to do about it.
    pub help: String,
}

impl Warehouse {
    /// Finds the warehouse of this id, or else of this name.
    ///
    /// A stopped one is as good as one that runs: a statement starts it. One that is deleted is none.
    pub async fn find(service: &dyn Service, wanted: &str) -> Result<Warehouse, StatementError> {
        let list = Read::tokens(Call::get(System::Databricks, PATH));
        let mut all = Vec::new();
        for page in read(service, &list).await? {
            match page.get("warehouses") {
                None | Some(Value::Null) => {}
                Some(Value::Array(rows)) => all.extend(rows.iter().cloned()),
                Some(_) => return Err(odd_answer(&list.call, 200, "`warehouses` is no list").into()),
            }
        }
        let is = |row: &&Value, member: &str| row[member] == wanted;
        let by_id = all.iter().find(|row| is(row, "id"));
        let Some(row) = by_id.or_else(|| all.iter().find(|row| is(row, "name"))) else {
            return Err(missing(wanted, &all).into());
        };
        let text = |member: &str| row[member].as_str().filter(|text| !text.is_empty()).map(str::to_owned);
        let Some(id) = text("id") else {
            return Err(odd_answer(&list.call, 200, &format!("the warehouse `{wanted}` has no id")).into());
        };
        let warehouse = Warehouse { name: text("name").unwrap_or_else(|| id.clone()), id };
        match row["state"].as_str() {
            Some(state @ ("DELETING" | "DELETED")) => Err(warehouse.error(
                format!("it is {}", state.to_ascii_lowercase()),
                "name another in `compare.warehouse`".to_owned(),
            )),
            _ => Ok(warehouse),
        }
        .map_err(StatementError::from)
    }

    fn error(&self, why: String, help: String) -> WarehouseError {
        WarehouseError { warehouse: self.name.clone(), why, help }
    }

    /// The warehouse is not there any more.
    pub(super) fn gone(&self) -> WarehouseError {
        let why = format!("the workspace does not know it (id {}): it was deleted meanwhile", self.id);
        self.error(why, "name another in `compare.warehouse`".to_owned())
    }

    /// The service refused to run a statement on it; `message` is what it says.
    pub(super) fn without_right(&self, message: &str) -> WarehouseError {
        let why = format!("the service refuses to run a statement on it: {}", shortened(message, LONGEST_MESSAGE));
        let help = format!("grant whoever runs plumb CAN USE on it (SQL Warehouses > {} > Permissions)", self.name);
        self.error(why, help)
    }

    /// It has not taken a statement for this long: says what state it is in, if that can be read.
    pub(super) async fn never_started(&self, service: &dyn Service, waited: Duration) -> WarehouseError {
        let call = Call::get(System::Databricks, format!("{PATH}/{}", percent_encoded(&self.id)));
        let seen = match service.send(&call).await {
            Ok(answer) => {
                let state = answer.body["state"].as_str().unwrap_or("not known").to_owned();
                let health = &answer.body["health"];
                let words = ["summary", "details"].iter().find_map(|member| health[*member].as_str());
                let words = words.filter(|words| !words.is_empty());
                match words {
                    Some(words) => format!("its state is {state}: {}", shortened(words, LONGEST_MESSAGE)),
                    None => format!("its state is {state}"),
                }
            }
            Err(fault) => format!("its state cannot be read: {fault}"),
        };
        let why = format!("a statement waited {} s for it and was cancelled; {seen}", waited.as_secs());
        self.error(why, "start it in SQL Warehouses and see what keeps it, then run again".to_owned())
    }
}

/// No warehouse of this name or id can be seen.
fn missing(wanted: &str, all: &[Value]) -> WarehouseError {
    let names: Vec<&str> = all.iter().filter_map(|row| row["name"].as_str()).collect();
    let why = "no warehouse that can be seen has this name or id".to_owned();
    let can_use = "one that is missing here needs CAN USE for whoever runs plumb";
    let help = if let Some(near) = nearest(wanted, names.iter().copied()) {
        format!("did you mean `{near}`? Otherwise: {can_use}")
    } else if names.is_empty() {
        format!("none can be seen; {can_use}")
    } else {
        let more = if names.len() > NAMED { format!(" and {} more", names.len() - NAMED) } else { String::new() };
        let shown: Vec<String> = names.iter().take(NAMED).map(|name| format!("`{name}`")).collect();
        format!("can be seen: {}{more}; {can_use}", shown.join(", "))
    };
    WarehouseError { warehouse: wanted.to_owned(), why, help }
}
