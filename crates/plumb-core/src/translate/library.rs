//! What an application brings along: JARs, packages, Python files.

use super::account::{Ask, At, Book};
use super::conf::{TargetPaths, Wants, listed};
use super::packages::{self, PackageVerdict};
use crate::detect::masked;
use serde_json::{Value, json};

/// The properties that `--jars` and `--packages` set.
const JARS: &str = "spark.jars";
const PACKAGES: &str = "spark.jars.packages";

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

/// `--jars`: JARs beside the application.
pub(super) fn jars(book: &mut Book, at: &At<'_>, list: &str, place: &TargetPaths<'_>, wants: &mut Wants) {
    let own = std::mem::take(&mut wants.libraries);
    let mut why_not = None;
    for address in listed(list) {
        match place.runtime.map(|runtime| packages::judge_file(&address, runtime)) {
            Some(PackageVerdict::Drop(why)) => {
                book.leave_out(at, &address, why.clone());
                why_not.get_or_insert(why);
            }
            _ => jar(book, at, &address, place, wants),
        }
    }
    wants.jars = Some(std::mem::replace(&mut wants.libraries, own));
    wants.replaces(book, at, JARS.into());
    // Only where nothing was said of the others in the list.
    book.dropped(at, why_not.unwrap_or_else(|| "an empty list".into()));
}

/// A JAR: the application's own, or one beside it.
pub(super) fn jar(book: &mut Book, at: &At<'_>, address: &str, paths: &TargetPaths<'_>, wants: &mut Wants) {
    let address = s3(address);
    let place = format!("{}.libraries", paths.task);
    if reachable(&address) {
        if let Some(runtime) = paths.runtime
            && let PackageVerdict::Instead { why, .. } = packages::judge_file(&address, runtime)
        {
            let ask = Ask {
                what: format!("whether `{}` is built again for Scala {}", masked(&address), runtime.scala),
                why: &why,
                options: &["build it again, and name the new file", "leave it, if nothing in it is of Scala"],
                default: "the file as it is: its classes may not run",
                place: place.clone(),
            };
            book.note_once(at, ask);
        }
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
    let (mut taken, mut why_not): (Vec<Value>, Option<String>) = (Vec::new(), None);
    for coordinates in listed(list) {
        let parts = coordinates.split(':').count();
        if !(3..=5).contains(&parts) || coordinates.split(':').any(str::is_empty) {
            let what = format!("which package `{}` is", masked(&coordinates));
            let why = "expected group:artifact:version";
            book.ask_once(at, Ask { what, why, options: &["correct it"], default: "left out", place: to.clone() });
            continue;
        }
        let coordinates = match place.runtime.map(|runtime| packages::judge(&coordinates, runtime)) {
            Some(PackageVerdict::Drop(why)) => {
                book.leave_out(at, &coordinates, why.clone());
                why_not.get_or_insert(why);
                continue;
            }
            Some(PackageVerdict::Instead { coordinates: other, why }) => {
                let ask = Ask {
                    what: format!("which build of `{}` the job has", masked(&coordinates)),
                    why: &why,
                    options: &["the coordinates in the manifest", "another version", "none, if the code does without"],
                    default: &format!("`{}`", masked(&other)),
                    place: to.clone(),
                };
                book.note_once(at, ask);
                other
            }
            Some(PackageVerdict::Keep) | None => coordinates,
        };
        let mut maven = json!({ "coordinates": coordinates });
        if let Some(repository) = repositories.first() {
            maven["repo"] = json!(repository);
        }
        if !exclusions.is_empty() {
            maven["exclusions"] = json!(exclusions);
        }
        let library = json!({ "maven": maven });
        if !taken.contains(&library) {
            taken.push(library);
        }
    }
    if let [first, _, ..] = repositories {
        let what = format!("which repository each package comes from; `{}` is the first of several", masked(first));
        let why = "a library names one repository";
        book.note(
            at,
            Ask { what, why, options: &["name each one's own"], default: "the first for all", place: to.clone() },
        );
    }
    if taken.is_empty() {
        book.dropped(at, why_not.unwrap_or_else(|| "an empty list".into()));
    } else {
        book.translated(at, to);
    }
    wants.packages = Some(taken);
    wants.replaces(book, at, PACKAGES.into());
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

/// The libraries of a task, once all is known: JARs and packages of its own, or those that all tasks have.
pub(super) fn all(own: &Wants, base: &Wants) -> Vec<Value> {
    let mut libraries: Vec<Value> = Vec::new();
    let packages = own.packages.as_ref().or(base.packages.as_ref());
    let jars = own.jars.as_ref().or(base.jars.as_ref());
    let lists = [packages, jars, Some(&own.libraries), Some(&base.libraries)];
    for library in lists.into_iter().flatten().flatten() {
        if !libraries.contains(library) {
            libraries.push(library.clone());
        }
    }
    let repositories = own.repositories.as_ref().or(base.repositories.as_ref());
    let exclusions = own.exclusions.as_ref().or(base.exclusions.as_ref());
    for maven in libraries.iter_mut().filter_map(|library| library.get_mut("maven")) {
        if let Some(first) = repositories.and_then(|(_, list)| list.first()).filter(|_| maven.get("repo").is_none()) {
            maven["repo"] = json!(first);
        }
        if let Some((_, list)) = exclusions.filter(|_| maven.get("exclusions").is_none()) {
            maven["exclusions"] = json!(list);
        }
    }
    libraries
}

/// Why repositories and exclusions have no effect.
pub(super) const NO_PACKAGES: &str = "there are no packages that it is about";

/// The same for those of all tasks: no task has packages.
pub(super) fn about_nothing(book: &mut Book, base: &Wants, tasks: &[&Wants]) {
    let has = |wants: &Wants| wants.packages.as_ref().is_some_and(|list| !list.is_empty());
    if has(base) || tasks.iter().any(|own| has(own)) {
        return;
    }
    for (field, _) in base.repositories.iter().chain(&base.exclusions) {
        book.withdrawn(field, NO_PACKAGES);
    }
}
