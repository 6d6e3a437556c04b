//! Which resources a command is about.

use crate::manifest::Resource;
use plumb_model::address::Address;
use plumb_model::text;

/// Which resources a command is about.
#[derive(Clone, Debug, Default)]
pub struct Selection {
    /// `label=value` pairs that all have to hold.
    pub labels: Vec<(String, String)>,
    /// Address patterns, of which one has to match; `*` stands for any characters.
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
        self.only.is_empty() || self.only.iter().any(|pattern| glob(pattern, &address.to_string()))
    }
}

fn glob(pattern: &str, text: &str) -> bool {
    let part = || text.split_once('/').is_some_and(|(kind, name)| pattern == kind || pattern == name);
    text::glob(pattern, text) || !pattern.contains('*') && part()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_any_characters_and_no_star_for_a_kind_a_name_or_both() {
        let address = Address { kind: "DatabricksJob".into(), name: "audience-cleanse".into() };
        let matches =
            |pattern: &str| Selection { only: vec![pattern.to_owned()], labels: Vec::new() }.has_address(&address);
        for yes in
            ["*", "DatabricksJob", "audience-cleanse", "DatabricksJob/*", "*cleanse", "*/aud*-cl*", "Databricks*e"]
        {
            assert!(matches(yes), "{yes}");
        }
        for no in ["", "Databricks", "cleanse", "DatabricksJob/*x", "*clean", "DatabricksCluster/*", "a*"] {
            assert!(!matches(no), "{no}");
        }
    }
}
