//! What an application brings along: JARs, packages, Python files.

use super::account::{Ask, At, Book};
use super::conf::{TargetPaths, Wants};
use crate::detect::masked;
use serde_json::{Value, json};

/// One spelling for S3: EMR has three, of which the other two are gone.
pub(super) fn s3(address: &str) -> String {
    for old in ["s3n://", "s3a://"] {
        if let Some(rest) = address.strip_prefix(old) {
            return format!("s3://{rest}");
        }
    }
    address.to_owned()
}

/// Whether a file lies where a job on Databricks reaches it.
pub(super) fn reachable(address: &str) -> bool {
    address.starts_with("s3://") && !address.contains('*')
}

fn add(wants: &mut Wants, library: Value) {
    if !wants.libraries.contains(&library) {
        wants.libraries.push(library);
    }
}

/// Whether the file is one that EMR's own image has.
fn of_image(address: &str) -> bool {
    let path = address.trim_start_matches("local://").trim_start_matches("file://");
    path.starts_with("/usr/lib/") || path.starts_with("/usr/share/")
}

/// A JAR beside the application.
pub(super) fn jar(book: &mut Book, at: &At<'_>, address: &str, place: &TargetPaths<'_>, wants: &mut Wants) {
    let address = s3(address);
    let place = format!("{}.libraries", place.task);
    if reachable(&address) {
        add(wants, json!({ "jar": address }));
        return book.translated(at, place);
    }
    let why = match (of_image(&address), address.starts_with("hdfs:") || address.contains('*')) {
        (true, _) => "EMR's image has it; the runtime has libraries of its own",
        (_, true) => "a library is one file in S3, a volume or the workspace",
        _ => "it lies on EMR's nodes: a bootstrap action or an earlier step has put it there",
    };
    let what = format!("where the JAR `{}` comes from", masked(&address));
    let options = ["leave it out", "put it into S3 or a volume and list it under libraries"];
    book.ask(at, Ask { what, why, options: &options, default: "left out", place });
}

/// `--packages`, with its repositories and exclusions.
pub(super) fn packages(
    book: &mut Book,
    at: &At<'_>,
    list: &str,
    repositories: &[String],
    exclusions: &[String],
    place: &TargetPaths<'_>,
    wants: &mut Wants,
) {
    let to = format!("{}.libraries", place.task);
    for coordinates in list.split(',').map(str::trim).filter(|c| !c.is_empty()) {
        let parts = coordinates.split(':').count();
        if !(3..=5).contains(&parts) || coordinates.split(':').any(str::is_empty) {
            let what = format!("which package `{}` is", masked(coordinates));
            let why = "expected group:artifact:version";
            book.ask(at, Ask { what, why, options: &["correct it"], default: "left out", place: to.clone() });
            continue;
        }
        let mut maven = json!({ "coordinates": coordinates });
        if let Some(repository) = repositories.first() {
            maven["repo"] = json!(repository);
        }
        if !exclusions.is_empty() {
            maven["exclusions"] = json!(exclusions);
        }
        add(wants, json!({ "maven": maven }));
    }
    if let [first, _, ..] = repositories {
        let what = format!("which repository each package comes from; `{}` is the first of several", masked(first));
        let why = "a library names one repository";
        book.note(
            at,
            Ask { what, why, options: &["name each one's own"], default: "the first for all", place: to.clone() },
        );
    }
    book.translated(at, to);
}

/// One of `--py-files`.
pub(super) fn python(book: &mut Book, at: &At<'_>, address: &str, place: &TargetPaths<'_>, wants: &mut Wants) {
    let address = s3(address);
    let to = format!("{}.libraries", place.task);
    if address.ends_with(".whl") && reachable(&address) {
        add(wants, json!({ "whl": address }));
        return book.translated(at, to);
    }
    let what = format!("how the Python code in `{}` gets to the job", masked(&address));
    let why = match address.rsplit('.').next() {
        Some("zip" | "egg" | "py") => "a library is a wheel; zips, eggs and single files are none",
        _ => "a library is a wheel in S3, a volume or the workspace",
    };
    let options = ["build a wheel of it and list that under libraries", "import it from a volume or the workspace"];
    book.ask(at, Ask { what, why, options: &options, default: "left out: the task cannot import it", place: to });
}
