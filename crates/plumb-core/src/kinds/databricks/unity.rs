//! What the objects of Unity Catalog have in common: how they are named, where they are stored, what is read of them.

use crate::kinds::{AnsweredRead, Findings, MarkPlace, Observed, Step, Unreadable, Whose, reading};
use plumb_model::call::{Call, Method, System};
use plumb_model::read::Read;
use plumb_model::text::{percent_encoded, shortened};
use plumb_model::yaml::is_deferred;
use serde_json::Value;

/// Where all of Unity Catalog's API is.
pub const API: &str = "/api/2.1/unity-catalog";
/// Where the mark is: none of these objects has tags of its own that its API writes (SDK, `catalog.SchemaInfo`).
pub const MARK: MarkPlace = MarkPlace::LastLine("comment");
/// The member that has the whole name: it is never written.
pub const FULL_NAME: &str = "full_name";
/// The longest name (Databricks, "Names": limitations of all object names in Unity Catalog).
const LONGEST: usize = 255;
/// What addresses of cloud storage begin with (Terraform provider, docs/resources/external_location.md; SDK,
/// `catalog.StorageCredentialInfo`: `r2` is Cloudflare's).
const SCHEMES: [&str; 4] = ["s3", "abfss", "gs", "r2"];
/// Catalogs in which nobody makes anything, and whose they are.
const OF_OTHERS: [(&str, &str); 4] = [
    ("system", "Databricks keeps its own tables in it"),
    ("samples", "Databricks shares it with every workspace"),
    ("__databricks_internal", "Databricks keeps its own objects in it"),
    ("hive_metastore", "it is the workspace's old metastore, and no part of Unity Catalog"),
];

/// Why a catalog is no place for a project's objects.
pub fn of_others(catalog: &str) -> Option<&'static str> {
    OF_OTHERS.iter().find(|(name, _)| catalog.eq_ignore_ascii_case(name)).map(|(_, why)| *why)
}

/// A path of the API; `${id}` stands as it is until it is known.
pub fn path(collection: &str, name: &str) -> String {
    let name = if name.contains("${") { name.to_owned() } else { percent_encoded(name) };
    format!("{API}/{collection}/{name}")
}

/// A paged listing. Without `max_results` some of them give everything at once, and will not for long (SDK).
pub fn listing(collection: &str, query: &[(&str, &str)]) -> Read {
    let call = Call::get(System::Databricks, format!("{API}/{collection}"));
    Read::tokens(query.iter().fold(call, |call, (name, value)| call.query(name, *value)).query("max_results", "0"))
}

/// A PATCH of an object: what it does not name stays.
pub fn patch(collection: &str, name: &str, body: Value) -> Call {
    Call::set(System::Databricks, Method::Patch, path(collection, name), body)
}

/// The name by which a step's calls know their object: of one that is being made, what its manifest calls it.
pub fn target<'s>(step: &'s Step<'_>, member: &str) -> &'s str {
    let wanted = || step.body.get(member).and_then(Value::as_str).filter(|name| !name.contains("${"));
    match step.live {
        None => wanted().unwrap_or_else(|| step.id()),
        Some(seen) => &seen.id,
    }
}

/// `main.sales` of its parts; `None` while one is missing.
pub fn full_name(spec: &Value, parts: &[&str]) -> Option<String> {
    let parts: Option<Vec<&str>> =
        parts.iter().map(|part| spec.get(part)?.as_str().filter(|p| !p.is_empty())).collect();
    parts.map(|parts| parts.join("."))
}

/// Takes the live address of storage for the wanted one where they differ by a slash at the end: the service takes it away
/// (databricks/cli, resources.yml, `uc_strips_trailing_slash`), or shows one (Terraform provider, resource_catalog.go,
/// `ucDirectoryPathSlashOnlySuppressDiff`).
pub fn same_place(seen: &mut Observed, wanted: Option<&Value>, member: &str) {
    let text = |spec: &Value| spec.get(member).and_then(Value::as_str).map(str::to_owned);
    let (Some(live), Some(want)) = (text(&seen.spec), wanted.and_then(text)) else { return };
    if live != want && live.trim_end_matches('/') == want.trim_end_matches('/') {
        seen.spec[member] = Value::from(want);
    }
}

/// Checks a name of an object, or of what it is in.
///
/// Databricks, "Names": no period, space, slash or control character, 255 characters at most, kept in small letters. A capital
/// letter would come back as a small one, and the object be taken for another.
pub fn name(name: &str, path: &str, findings: &mut Findings) {
    if is_deferred(name) {
        return;
    }
    let shown = shortened(name, 60).escape_debug().to_string();
    let length = name.chars().count();
    if length == 0 {
        findings.at(path, "a name is needed here", "it is empty");
    } else if let Some(odd) = name.chars().find(|c| ". /".contains(*c) || c.is_ascii_control()) {
        let odd = if odd == ' ' { "a blank".to_owned() } else { format!("`{}`", odd.escape_debug()) };
        let label = "no period, blank, slash or control character may stand in it";
        findings.at(path, format!("`{shown}` has {odd} in it, which Unity Catalog refuses"), label);
    } else if length > LONGEST {
        findings.at(path, format!("a name of {length} characters"), format!("{LONGEST} at most"));
    } else if name.chars().any(char::is_uppercase) {
        let label = format!("write `{}`", shortened(&name.to_lowercase(), 60).escape_debug());
        findings.at(path, format!("Unity Catalog keeps names in small letters, and `{shown}` is not"), label);
    }
}

/// Checks the name of a catalog in which something is to be.
pub fn catalog(catalog: &str, path: &str, findings: &mut Findings) {
    name(catalog, path, findings);
    if let Some(why) = of_others(catalog) {
        findings.at(path, format!("nothing can be made in the catalog `{}`", catalog.escape_debug()), why);
    }
}

/// Checks an address of cloud storage.
pub fn storage(url: &str, path: &str, findings: &mut Findings) {
    if is_deferred(url) {
        return;
    }
    let shown = shortened(url, 80).escape_debug().to_string();
    match url.split_once("://") {
        Some((scheme, rest)) if SCHEMES.contains(&scheme) => {
            let place = rest.split('/').next().unwrap_or_default();
            if place.is_empty() {
                findings.at(path, format!("`{shown}` names no bucket or container"), "write it after `://`");
            } else if scheme == "abfss" && !place.contains('@') {
                let label = "expected `abfss://CONTAINER@ACCOUNT.dfs.core.windows.net/PATH`";
                findings.at(path, format!("`{shown}` names no container"), label);
            }
        }
        Some((scheme, _)) => {
            let message = format!("`{}` is no cloud storage of Unity Catalog", shortened(scheme, 20).escape_debug());
            let label = match scheme {
                "s3a" | "s3n" => "write `s3://`",
                "gcs" => "write `gs://`",
                "abfs" | "wasb" | "wasbs" | "adl" => "write `abfss://CONTAINER@ACCOUNT.dfs.core.windows.net/PATH`",
                _ => "expected `s3://`, `abfss://`, `gs://` or `r2://`",
            };
            findings.at(path, message, label);
        }
        None => {
            let label = "expected an address that begins with `s3://`, `abfss://`, `gs://` or `r2://`";
            findings.at(path, format!("`{shown}` is no address of cloud storage"), label);
        }
    }
}

/// What of a place's listing cannot be read. Where manifests have objects there, it may be any of them; elsewhere it is told,
/// and stands in nobody's way.
pub fn refused(what: String, told: &AnsweredRead, is_named: bool) -> Option<Unreadable> {
    let crate::kinds::Answered::Refused(why) = &told.answer else { return None };
    let unknown = Unreadable::unknown(what.clone(), why.clone());
    if is_named {
        return Some(unknown);
    }
    Some(Unreadable { id: Some(what), title: Some(String::new()), whose: Whose::Nobody, ..unknown })
}

/// A query parameter of a read.
pub fn asked<'t>(told: &'t AnsweredRead, name: &str) -> &'t str {
    told.read.call.query.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value.as_str())
}

/// The rows of a listing's pages, and why one of them cannot be read.
pub fn rows<'t>(told: &'t AnsweredRead, member: &'t str) -> Vec<Result<&'t Value, String>> {
    let mut rows = Vec::new();
    for page in told.pages() {
        match reading::list(page, member) {
            Ok(list) => rows.extend(list.iter().map(Ok)),
            Err(why) => rows.push(Err(why)),
        }
    }
    rows
}

/// The catalogs of a listing in which people keep objects: not those of the platform, of other databases and of other
/// accounts (SDK, `catalog.CatalogType`).
pub fn own_catalogs(told: &[AnsweredRead]) -> Vec<String> {
    let rows =
        told.iter().filter(|told| told.read.call.path.ends_with("/catalogs")).flat_map(|told| rows(told, "catalogs"));
    let is_own = |row: &&Value| {
        let kind = row["catalog_type"].as_str().unwrap_or_default();
        let name = row["name"].as_str().unwrap_or_default();
        !name.is_empty()
            && of_others(name).is_none()
            && !["SYSTEM_CATALOG", "INTERNAL_CATALOG", "FOREIGN_CATALOG", "DELTASHARING_CATALOG"].contains(&kind)
    };
    rows.flatten().filter(is_own).filter_map(|row| Some(row["name"].as_str()?.to_owned())).collect()
}

/// Checks a whole name that a manifest writes itself.
pub fn whole_name(written: Option<&str>, parts: &[&str], findings: &mut Findings) {
    let whole = parts.join(".");
    if let Some(written) = written.filter(|written| *written != whole && !is_deferred(written) && !is_deferred(&whole))
    {
        let message = format!("`{}` is not what its names make", shortened(written, 60).escape_debug());
        findings.at(FULL_NAME, message, format!("remove it: it is `{}`", shortened(&whole, 60).escape_debug()));
    }
}

/// What a manifest says of a live object: neither its whole name, nor an owner who is whoever made it.
pub fn exported(spec: &Value) -> Value {
    let mut spec = spec.clone();
    let is_maker = spec.get("owner").is_some_and(|owner| Some(owner) == spec.get("created_by"));
    if let Value::Object(map) = &mut spec {
        map.remove(FULL_NAME);
        if is_maker {
            map.remove("owner");
        }
    }
    spec
}
