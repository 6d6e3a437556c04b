//! Names of the manifests of objects that exist.

use plumb_model::address::{Address, LONGEST_NAME, slug};
use std::collections::BTreeSet;

/// A name for each object, out of its title, that no other has. Objects are given by kind, title and id.
pub fn names<'o>(
    objects: impl Iterator<Item = (&'o str, &'o str, &'o str)>,
    taken: impl Iterator<Item = Address>,
) -> Vec<Address> {
    let mut taken: BTreeSet<Address> = taken.collect();
    let named = objects.map(|(kind, title, id)| {
        let id = slug(id);
        let name = slug(title).or_else(|| id.clone()).unwrap_or_else(|| "unnamed".into());
        let mut address = Address { kind: kind.into(), name: name.clone() };
        // Titles need not be unique, and long ones may not be once they are cut.
        let mut number = 1;
        while !taken.insert(address.clone()) {
            address.name = match &id {
                Some(id) if number == 1 => with_tail(&name, id),
                _ => with_tail(&name, &number.to_string()),
            };
            number += 1;
        }
        address
    });
    named.collect()
}

/// A name that ends in something of its own, no longer than names may be.
fn with_tail(name: &str, tail: &str) -> String {
    let tail: String = tail.chars().take(30).collect();
    let head: String = name.chars().take(LONGEST_NAME - 1 - tail.len()).collect();
    format!("{}-{}", head.trim_end_matches('-'), tail.trim_end_matches('-'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_titles_that_are_one_once_they_are_cut_get_names_of_their_own() {
        let long = "Monthly revenue by country, product line and sales channel for the finance team";
        let (first, second) = (format!("{long}: actuals"), format!("{long}: forecast"));
        let uuid = "0f8c2a1e-5d3b-4c6a-9e7f-111111111111";
        let objects = [
            ("DatabricksJob", first.as_str(), "814253"),
            ("DatabricksJob", second.as_str(), "99"),
            ("DatabricksJob", second.as_str(), "99"),
            ("DatabricksJob", "x", uuid),
            ("DatabricksJob", "X!", uuid),
            ("DatabricksJob", "x", uuid),
            ("DatabricksJob", "", "7"),
            ("DatabricksJob", "---", "---"),
            ("AirflowPool", "x", "x"),
        ];
        let taken = Address { kind: "DatabricksJob".into(), name: "7".into() };
        let names = names(objects.into_iter(), std::iter::once(taken));
        let list: Vec<String> = names.iter().map(ToString::to_string).collect();
        assert_eq!(
            list,
            [
                "DatabricksJob/monthly-revenue-by-country-product-line-and-sales-channel-for-t",
                "DatabricksJob/monthly-revenue-by-country-product-line-and-sales-channel-fo-99",
                "DatabricksJob/monthly-revenue-by-country-product-line-and-sales-channel-for-2",
                "DatabricksJob/x",
                "DatabricksJob/x-0f8c2a1e-5d3b-4c6a-9e7f-111111",
                "DatabricksJob/x-2",
                "DatabricksJob/7-7",
                "DatabricksJob/unnamed",
                "AirflowPool/x",
            ]
        );
        assert!(names.iter().all(|address| address.name.len() <= LONGEST_NAME));
    }
}
