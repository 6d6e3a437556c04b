//! The price book of a target: one, of one region and one currency.

use crate::kinds::prices::{NodePrice, PriceBook, PriceBookSpec};
use crate::manifest::{Desired, Resource};
use std::collections::BTreeMap;

/// A price book that runs are priced by. All of a report's amounts are of one.
#[derive(Clone, Debug, Default)]
pub struct Prices {
    /// The name of its manifest.
    pub name: String,
    pub spec: PriceBookSpec,
    /// Where the nodes' prices are in `spec`, by type.
    nodes: BTreeMap<String, usize>,
}

impl Prices {
    /// Those of a manifest that was checked.
    pub fn of(name: &str, spec: PriceBookSpec) -> Prices {
        let nodes = spec.nodes.iter().enumerate().map(|(at, node)| (node.node_type.clone(), at)).collect();
        Prices { name: name.to_owned(), spec, nodes }
    }

    /// Those of the target: the book of its region, or the only one there is. `None` without a book.
    ///
    /// # Errors
    /// Which of several counts cannot be told: amounts of two regions or currencies are never added up.
    pub fn of_target(desired: &Desired) -> Result<Option<Prices>, String> {
        let books: Vec<&Resource> = desired.resources.iter().filter(|r| r.address.kind == PriceBook::NAME).collect();
        let region = desired.target.emr.as_ref().and_then(|emr| emr.region.as_deref());
        let is_of = |book: &&&Resource| book.spec.get("region").and_then(|v| v.as_str()) == region;
        let chosen = match (region.and_then(|_| books.iter().find(is_of)), books.as_slice()) {
            (Some(book), _) => book,
            (None, []) => return Ok(None),
            (None, [only]) => only,
            (None, several) => {
                let names: Vec<String> = several.iter().map(|book| book.address.to_string()).collect();
                let target = &desired.target.name;
                return Err(match region {
                    Some(region) => format!(
                        "none of {} is for {region}, the region of target {target}, and prices of several regions are not mixed",
                        names.join(", ")
                    ),
                    None => format!(
                        "which of {} counts is not known: target {target} says no `emr.region`",
                        names.join(", ")
                    ),
                });
            }
        };
        let spec = serde_json::from_value(chosen.spec.to_value()).map_err(|e| format!("{}: {e}", chosen.address))?;
        Ok(Some(Prices::of(&chosen.address.name, spec)))
    }

    /// What a node of a type costs.
    pub fn node(&self, node_type: &str) -> Option<&NodePrice> {
        self.nodes.get(node_type).and_then(|at| self.spec.nodes.get(*at))
    }
}
