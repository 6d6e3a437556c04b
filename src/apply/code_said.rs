//! What a fault means for code, and what can be done about it.

use crate::services::{self, code_store::says_too_large};
use plumb_core::code::CodeFolder;
use plumb_model::call::{Service, ServiceError};

/// What was tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tried {
    Read,
    Write,
    Grant,
}

/// The fault of a call about `path`, and what it means.
pub(super) async fn said(
    service: &dyn Service,
    fault: &ServiceError,
    folder: &CodeFolder,
    path: &str,
    tried: Tried,
) -> String {
    let ServiceError::Refused { status, code, message, .. } = fault else { return fault.to_string() };
    if *status == 403 && code != "MAX_CHILD_NODE_SIZE_EXCEEDED" {
        let who = services::me(service).await.unwrap_or_else(|_| "whoever applies".to_owned());
        return format!("{}; {fault}", no_right(&who, folder, path, tried));
    }
    match meaning(*status, code, message, path) {
        Some(meaning) => format!("{meaning}; {fault}"),
        None => fault.to_string(),
    }
}

/// Who lacks which right, and where.
fn no_right(who: &str, folder: &CodeFolder, path: &str, tried: Tried) -> String {
    let place = folder.path();
    if folder.is_volume() {
        let volume: Vec<&str> = place.trim_start_matches("/Volumes/").split('/').take(3).collect();
        let right = match tried {
            Tried::Read => "READ VOLUME",
            Tried::Write => "WRITE VOLUME",
            Tried::Grant => "MANAGE, or to own it, to let others read the code,",
        };
        return format!(
            "{who} needs {right} on the volume {}, with USE CATALOG and USE SCHEMA above it",
            volume.join(".")
        );
    }
    match tried {
        Tried::Read => format!("{who} needs CAN READ on {path}"),
        Tried::Write => format!("{who} needs CAN EDIT on {place}; or name a folder of its own in `databricks.code`"),
        Tried::Grant => format!("{who} needs CAN MANAGE on {path} to let others read the code"),
    }
}

/// What a refusal means, where that is known.
fn meaning(status: u16, code: &str, message: &str, path: &str) -> Option<String> {
    let has = |words: &[&str]| words.iter().any(|word| code.contains(word) || message.contains(word));
    if code == "MAX_CHILD_NODE_SIZE_EXCEEDED" || has(&["QUOTA", "RESOURCE_LIMIT_EXCEEDED"]) || status == 507 {
        return Some(format!(
            "there is no room for {path}: delete what is not needed there, or name another place in `databricks.code`"
        ));
    }
    if status == 413 || says_too_large(code, message) {
        return Some(format!(
            "{path} is larger than this place takes: make it smaller, or keep code in a volume (`databricks.code: /Volumes/…`)"
        ));
    }
    // "Path (…) already exists." (databricks/cli, libs/filer/workspace_files_client.go).
    if status == 409 || (status == 400 && message.contains("already exists")) {
        return Some(format!(
            "something else is in the way at {path} or above it, and plumb does not overwrite it: delete it there"
        ));
    }
    if status == 400 && has(&["INVALID_PATH", "invalid character", "Invalid path", "Invalid name", "illegal"]) {
        return Some(format!("the name of {path} is refused: name the file otherwise"));
    }
    if status == 404 {
        return Some(format!("the folder of {path} is gone, or not to be seen by whoever applies"));
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_say_what_can_be_done() {
        let path = "/Workspace/Shared/a";
        for (status, code, message, wanted) in [
            (400, "MAX_NOTEBOOK_SIZE_EXCEEDED", "", "larger than"),
            (413, "", "", "larger than"),
            (400, "", "File size imported is (2 bytes), exceeded max size (1 bytes)", "larger than"),
            (403, "MAX_CHILD_NODE_SIZE_EXCEEDED", "", "no room"),
            (400, "QUOTA_EXCEEDED", "", "no room"),
            (507, "", "", "no room"),
            (400, "", "Path (/a) already exists.", "in the way"),
            (409, "ALREADY_EXISTS", "", "in the way"),
            (400, "INVALID_PARAMETER_VALUE", "Invalid path: x", "is refused"),
            (404, "RESOURCE_DOES_NOT_EXIST", "", "is gone"),
        ] {
            let said = meaning(status, code, message, path).unwrap_or_default();
            assert!(said.contains(wanted) && said.contains(path), "{status} {code} {message}: {said}");
        }
        assert_eq!(meaning(500, "INTERNAL_ERROR", "", path), None);
    }

    #[test]
    fn a_missing_right_is_named_with_who_lacks_it_and_where() {
        let volume = CodeFolder::new(Some("/Volumes/main/ops/plumb"), "p", "t");
        let said = no_right("ada", &volume, "/Volumes/main/ops/plumb/x", Tried::Write);
        assert!(said.starts_with("ada needs WRITE VOLUME on the volume main.ops.plumb"), "{said}");
        let folder = CodeFolder::new(Some("/Workspace/code"), "p", "t");
        let said = no_right("ada", &folder, "/Workspace/code/x", Tried::Write);
        assert!(said.contains("CAN EDIT on /Workspace/code/.plumb/p/t/code"), "{said}");
    }
}
