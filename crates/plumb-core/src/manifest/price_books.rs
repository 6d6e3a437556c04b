//! Price books beside each other and beside the target: one for a region, of the target's region, and not too old.

use super::{Desired, Resource, Warning};
use crate::kinds::prices::PriceBook;
use jiff::civil::Date;
use plumb_model::yaml::Problems;
use std::collections::BTreeMap;

/// Prices that are older are warned of.
pub const OLDEST_PRICES_DAYS: i32 = 180;

/// Reports two books for one region: which of them counts would be anybody's guess.
pub(super) fn one_a_region(resources: &[Resource], problems: &mut Problems) {
    let mut seen: BTreeMap<&str, &Resource> = BTreeMap::new();
    for book in books(resources) {
        let Some(region) = book.spec.get("region").and_then(|region| region.as_str()) else { continue };
        let place = |book: &Resource| book.node().get("region").map_or(book.span, |node| node.span);
        if let Some(first) = seen.insert(region, book) {
            problems
                .at(
                    place(book),
                    format!("two price books are for {}", region.escape_debug()),
                    format!("{} has this `region`", book.address),
                )
                .related(place(first), format!("{} has it too", first.address))
                .help("keep one: its earlier prices are in git");
        }
    }
}

/// Books of which none is for the target's region, and the target's book where it is old.
pub fn price_book_warnings(desired: &Desired, today: Date) -> Vec<Warning> {
    let mut problems = Problems::default();
    let region = desired.target.emr.as_ref().and_then(|emr| emr.region.as_deref());
    let said = |book: &Resource, field: &str| book.spec.get(field).and_then(|v| v.as_str()).map(str::to_owned);
    let is_of_target = |book: &&Resource| region.is_none() || said(book, "region").as_deref() == region;
    let has_own = books(&desired.resources).any(|book| is_of_target(&book));
    for book in books(&desired.resources) {
        let place = |field: &str| book.node().get(field).map_or(book.span, |node| node.span);
        if let (Some(of_target), Some(of_book), false) = (region, said(book, "region"), has_own) {
            problems
                .at(
                    place("region"),
                    format!(
                        "{} has prices of {of_book}, and target {} is in {of_target}",
                        book.address, desired.target.name
                    ),
                    "another region has other prices",
                )
                .help(format!("`plumb prices fetch --target {} --region {of_target}` writes one", desired.target.name));
        }
        let age = said(book, "asOf").and_then(|day| day.parse::<Date>().ok()).map(|day| (today - day).get_days());
        if let Some(age) = age.filter(|age| *age > OLDEST_PRICES_DAYS && (is_of_target(&book) || !has_own)) {
            problems
                .at(
                    place("asOf"),
                    format!("the prices of {} are {age} days old", book.address),
                    format!("older than {OLDEST_PRICES_DAYS} days"),
                )
                .help("`plumb prices fetch --force` looks them up again");
        }
    }
    problems.sorted().into_iter().map(|problem| ("price-book", problem)).collect()
}

fn books(resources: &[Resource]) -> impl Iterator<Item = &Resource> {
    resources.iter().filter(|resource| resource.address.kind == PriceBook::NAME)
}

#[cfg(test)]
#[path = "price_books_tests.rs"]
mod tests;
