//! What bytes are the same code.

use plumb_core::code::{CodeForm, FoundCode, FoundCodeKind, NotebookFormat, hash_code};
use plumb_model::call::ServiceError;
use serde_json::Value;
use std::io::Cursor;

/// The hash of a file's content, as trees have it.
pub fn content_hash(path: &str, bytes: &[u8]) -> Result<String, String> {
    let (kind, length) = (FoundCodeKind::File, bytes.len() as u64);
    let file = FoundCode { path: path.to_owned(), kind, bytes: length, is_ignored: true, leads_to: None };
    hash_code(&file, &mut Cursor::new(bytes)).map(|hashed| hashed.hash)
}

/// Whether what was read back is what was written. Of a notebook the cells count: a workspace keeps those, and writes the text
/// anew, with other ends of lines and other metadata.
pub fn is_same(wrote: &[u8], read: &[u8], form: CodeForm) -> bool {
    match form {
        CodeForm::File | CodeForm::Archive => wrote == read,
        CodeForm::Notebook(NotebookFormat::Jupyter) => {
            wrote == read || jupyter_cells(wrote).is_some_and(|cells| jupyter_cells(read) == Some(cells))
        }
        CodeForm::Notebook(_) => wrote == read || source_cells(wrote) == source_cells(read),
    }
}

/// Whether a refusal says that something is larger than is taken or given.
pub fn says_too_large(code: &str, message: &str) -> bool {
    // "File size imported is (459418279 bytes), exceeded max size (10485760 bytes)", of an import and of an export
    // (terraform-provider-databricks, issue 4077; databricks/cli, issue 3691). Of notebooks: "Size exceeds 10485760 bytes",
    // "Notebook size exceeded limit" (databrickslabs/migrate, pull request 292), MAX_NOTEBOOK_SIZE_EXCEEDED.
    let words = ["SIZE_EXCEEDED", "exceeded max size", "size exceeded limit", "Size exceeds"];
    words.iter().any(|word| code.contains(word) || message.contains(word))
}

/// A file that is there and larger than is given back, by the refusal to give it: how many bytes it has, where that is said.
pub fn too_large_to_read(fault: &ServiceError) -> Option<Option<u64>> {
    let ServiceError::Refused { code, message, .. } = fault else { return None };
    let told = || message.split_once("is (")?.1.split_once(" bytes)")?.0.parse().ok();
    says_too_large(code, message).then(told)
}

/// The cells of a notebook in source form, without blank ends.
fn source_cells(bytes: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(bytes).replace("\r\n", "\n");
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    let mut cells = vec![String::new()];
    for line in text.lines() {
        // `# COMMAND ----------`, or with the comment of another language.
        let is_border =
            line.trim_end().strip_suffix(" COMMAND ----------").is_some_and(|c| ["#", "--", "//"].contains(&c));
        match cells.last_mut() {
            Some(cell) if !is_border => {
                cell.push_str(line);
                cell.push('\n');
            }
            _ => cells.push(String::new()),
        }
    }
    cells.iter().map(|cell| cell.trim_matches('\n').to_owned()).collect()
}

/// The sort and the text of each cell of a Jupyter notebook.
fn jupyter_cells(bytes: &[u8]) -> Option<Vec<(String, String)>> {
    let notebook: Value = serde_json::from_slice(bytes).ok()?;
    let cells = notebook["cells"].as_array()?.iter().map(|cell| {
        let text = match &cell["source"] {
            Value::String(text) => text.clone(),
            Value::Array(lines) => lines.iter().filter_map(Value::as_str).collect(),
            _ => String::new(),
        };
        (cell["cell_type"].as_str().unwrap_or_default().to_owned(), text.trim_end().to_owned())
    });
    Some(cells.collect())
}
