//! The JSON Schemas that are published: of manifests, of `plumb.yaml`, of the outputs. Editors and pipelines read them.

mod document;
mod write;

pub use write::{documents, documents_of, files, is_of_manifests, manifest_files, text};
