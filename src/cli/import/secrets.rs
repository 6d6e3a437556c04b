//! Telling which secrets an import took out, and what has to be done for each.

use crate::ui::Ui;
use plumb_core::render::Manifest;
use plumb_core::render::value::visible;
use std::collections::BTreeSet;
use std::path::PathBuf;

/// Names every place that a secret was taken from, and what to add to the project.
pub fn tell(texts: &[(PathBuf, Manifest)], env: BTreeSet<String>, ui: &Ui) {
    if env.is_empty() {
        return;
    }
    for (file, manifest) in texts {
        for taken in &manifest.taken {
            let what = match taken.name.as_str() {
                "" => "something that looks like a secret".to_owned(),
                name => format!("the value of `{}`", visible(name)),
            };
            ui.warn(&format!(
                "{}: {}: {what} is `${{env.{}}}` now: is it a secret? If not, write the value",
                file.display(),
                visible(&taken.place),
                taken.env
            ));
        }
    }
    let list: Vec<String> = env.into_iter().collect();
    ui.warn(&format!(
        "secrets were left out: list {} under `spec.env` of plumb.yaml and set them in the environment",
        list.join(", ")
    ));
}
