use super::*;
use crate::kinds;
use crate::manifest::{InMemory, Request, load};

const BOOK: &str = "apiVersion: plumb/v1\nkind: PriceBook\nmetadata: {name: NAME}\nspec:\n  region: eu-central-1\n  \
                    currency: USD\n  asOf: 2026-05-01\n";

fn loaded(target: &str, manifests: &str) -> Result<Desired, Vec<String>> {
    let project = format!(
        "apiVersion: plumb/v1\nkind: Project\nmetadata: {{name: bau}}\nspec: {{targets: {{prod: {{{target}}}}}}}\n"
    );
    let files = BTreeMap::from([
        ("plumb.yaml".to_owned(), project.into_bytes()),
        ("manifests/prices.yaml".to_owned(), manifests.as_bytes().to_vec()),
    ]);
    let request = Request { target: None, variables: Default::default(), env: &|_| None, user: None };
    load(&InMemory(files), &request, kinds::all()).map_err(|e| {
        let line = |p: &plumb_model::yaml::Problem| p.span.map_or(0, |span| e.files.position(span).0);
        e.problems.iter().map(|p| format!("{}: {} ({})", line(p), p.message, p.label)).collect()
    })
}

fn warned(target: &str, manifests: &str, today: &str) -> Vec<String> {
    let desired = loaded(target, manifests).unwrap_or_else(|e| panic!("{e:?}"));
    let line = |p: &plumb_model::yaml::Problem| desired.files.position(p.span.unwrap()).0;
    let all = price_book_warnings(&desired, today.parse().unwrap());
    all.into_iter().map(|(_, p)| format!("{}: {}", line(&p), p.message)).collect()
}

#[test]
fn two_books_for_one_region_are_a_mistake_with_both_places() {
    let two = format!("{}---\n{}", BOOK.replace("NAME", "a"), BOOK.replace("NAME", "b"));
    let told = loaded("", &two).err().unwrap();
    assert_eq!(told, ["13: two price books are for eu-central-1 (PriceBook/b has this `region`)"]);
    let other =
        format!("{}---\n{}", BOOK.replace("NAME", "a"), BOOK.replace("NAME", "b").replace("eu-central", "us-east"));
    assert!(loaded("", &other).is_ok());
}

#[test]
fn a_book_of_another_region_and_an_old_one_are_warned_of_where_they_say_so() {
    let book = BOOK.replace("NAME", "a");
    let here = "emr: {region: eu-central-1}";
    assert_eq!(warned(here, &book, "2026-10-28"), Vec::<String>::new(), "180 days old");
    assert_eq!(warned(here, &book, "2026-10-29"), ["7: the prices of PriceBook/a are 181 days old"]);
    let there = "emr: {region: us-east-1}";
    let told = warned(there, &book, "2026-05-02");
    assert_eq!(told, ["5: PriceBook/a has prices of eu-central-1, and target prod is in us-east-1"]);
    // A project of two regions has a book for each: the other one is nobody's concern.
    let both = format!(
        "{book}---\n{}",
        BOOK.replace("NAME", "b").replace("eu-central", "us-east").replace("2026-05", "2026-10")
    );
    assert_eq!(warned(there, &both, "2026-11-30"), Vec::<String>::new());
    assert_eq!(warned("", &book, "2026-05-02"), Vec::<String>::new(), "the target says no region");
}
