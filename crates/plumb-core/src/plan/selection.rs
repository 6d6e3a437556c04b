//! Which resources a command is about.

use crate::manifest::Resource;
use plumb_model::address::Address;
use plumb_model::text::glob;

/// Which resources a command is about.
#[derive(Clone, Debug, Default)]
pub struct Selection {
    /// `label=value` pairs that all have to hold.
    pub labels: Vec<(String, String)>,
    /// Patterns of addresses, kinds or names, of which one has to match; `*` stands for any characters.
    pub only: Vec<String>,
}

impl Selection {
    /// Whether it is everything. Only then may anything be pruned.
    pub fn is_whole(&self) -> bool {
        self.labels.is_empty() && self.only.is_empty()
    }

    /// Whether a resource is selected.
    pub fn has(&self, resource: &Resource) -> bool {
        self.labels.iter().all(|(k, v)| resource.labels.get(k) == Some(v)) && self.has_address(&resource.address)
    }

    /// Whether an address matches, whatever its labels.
    pub fn has_address(&self, address: &Address) -> bool {
        self.only.is_empty() || self.only.iter().any(|pattern| fits(pattern, address))
    }
}

/// Whether a pattern matches an address: all of it, or, unless the pattern has a `/`, its kind or its name.
fn fits(pattern: &str, address: &Address) -> bool {
    let parts = || glob(pattern, &address.kind) || glob(pattern, &address.name);
    glob(pattern, &address.to_string()) || !pattern.contains('/') && parts()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_is_held_against_the_address_the_kind_and_the_name() {
        let address = Address { kind: "DatabricksJob".into(), name: "audience-cleanse".into() };
        let matches =
            |pattern: &str| Selection { only: vec![pattern.to_owned()], labels: Vec::new() }.has_address(&address);
        for yes in [
            "*",
            "DatabricksJob",
            "audience-cleanse",
            "DatabricksJob/*",
            "*cleanse",
            "*/aud*-cl*",
            "Databricks*e",
            // The name alone, and the kind alone, as without a star.
            "a*",
            "aud*-cl*",
            "*ence*",
            "Databricks*",
            "*Job",
        ] {
            assert!(matches(yes), "{yes}");
        }
        for no in [
            "",
            "Databricks",
            "cleanse",
            "DatabricksJob/*x",
            "*clean",
            "DatabricksCluster/*",
            "c*",
            "*Cluster",
            "*audience",
            // With a slash it is an address, and begins with a kind.
            "a*/*",
            "*/cl*",
        ] {
            assert!(!matches(no), "{no}");
        }
    }
}
