//! The JSON Schemas that are published: of manifests, of `plumb.yaml`, of the outputs. Editors and pipelines read them. And
//! what they say of one field, for people.

mod document;
mod explain;
mod explain_text;
mod hover;
mod place;
mod references;
mod rule_words;
mod write;

pub use explain::{AttributeDoc, Explained, FieldDoc, FieldLine, UnknownField};
pub use explain_text::{field_text, kinds_text};
pub use place::AllowedValue;
pub use rule_words::RuleWords;
pub use write::{documents, documents_of, files, files_with, is_of_manifests, manifest_files, text};
