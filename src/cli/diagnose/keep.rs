//! Diagnoses as files of the project: small facts that stay when the services have forgotten the runs.

use crate::disk::{Disk, replace};
use crate::ui::{Failure, Ui};
use plumb_core::diagnose::Diagnosis;
use plumb_core::diagnose::kept::{self, KeptDiagnosis};
use plumb_core::render::diagnosis::kept_json;
use std::collections::BTreeMap;
use std::path::{Component, Path};

/// Where diagnoses are kept, below the project's folder, where nobody says where.
pub const FOLDER: &str = "evidence/diagnoses";
/// Where reports of comparisons are.
const REPORTS: &str = "evidence";

/// A folder of kept diagnoses, as it was read.
pub struct KeptDiagnoses {
    disk: Disk,
    folder: String,
    target: String,
    /// By the name of the file.
    kept: BTreeMap<String, Diagnosis>,
}

impl KeptDiagnoses {
    /// Reads a folder of a project; those of other targets are passed over. A file that is no diagnosis is warned of.
    ///
    /// # Errors
    /// The folder is none that diagnoses may be kept in, or cannot be listed.
    pub fn read(project: &Path, folder: &str, target: &str, ui: &Ui) -> Result<KeptDiagnoses, Failure> {
        let folder = checked(folder, FOLDER)?;
        let failed = |e: String| Failure::error(format!("{folder}: {e}"));
        let disk = Disk::new(project).map_err(|e| failed(e.to_string()))?;
        let mut kept = BTreeMap::new();
        for file in disk.files(&folder, ".json").map_err(failed)? {
            match disk.text(&file).and_then(|text| kept::read_kept(&text)) {
                Ok(one) if one.target == target => {
                    let name = file.path.rsplit('/').next().unwrap_or_default().to_owned();
                    kept.insert(name, one.diagnosis);
                }
                Ok(_) => {}
                Err(why) => ui.warn(&format!("{} is no kept diagnosis: {why}", file.path)),
            }
        }
        Ok(KeptDiagnoses { disk, folder, target: target.to_owned(), kept })
    }

    /// Those of the target, by the names of their files.
    pub fn all(&self) -> Vec<Diagnosis> {
        self.kept.values().cloned().collect()
    }

    /// What is kept of the same run.
    pub fn of(&self, diagnosis: &Diagnosis) -> Option<&Diagnosis> {
        self.kept.get(&kept::file_name(diagnosis)?)
    }

    /// Writes those that are new or know more than what is kept, each in one go; how many that were. One without an id is warned
    /// of. Secrets have to be hidden already.
    ///
    /// # Errors
    /// A file cannot be written; those before it are.
    pub fn write(&self, diagnoses: &[Diagnosis], ui: &Ui) -> Result<usize, Failure> {
        let mut written = 0;
        for diagnosis in diagnoses {
            let Some(name) = kept::file_name(diagnosis) else {
                ui.warn(&format!(
                    "{} is not kept: only a run that has ended, with an id of a service, has a file",
                    diagnosis.name
                ));
                continue;
            };
            let newer = kept::to_keep(diagnosis);
            if self.kept.get(&name).is_some_and(|old| *old == newer || !kept::replaces(&newer, old)) {
                continue;
            }
            let whole = KeptDiagnosis { target: self.target.clone(), diagnosis: newer };
            let text = kept_json(&whole).map_err(|e| Failure::error(e.to_string()))?;
            let path = self.place()?.join(&name);
            let failed = |e: String| Failure::error(format!("{}/{name} was not written: {e}", self.folder));
            replace(&path, &text).map_err(failed)?;
            written += 1;
        }
        if written > 0 {
            let files = if written == 1 { "diagnosis" } else { "diagnoses" };
            ui.status(&format!("kept {written} {files} in {}", self.folder));
        }
        Ok(written)
    }

    /// The folder, made where it is not there. A link that leads out of the project is none.
    fn place(&self) -> Result<std::path::PathBuf, Failure> {
        let failed = |e: String| Failure::error(format!("{}: {e}", self.folder));
        let path = self.disk.root().join(&self.folder);
        std::fs::create_dir_all(&path).map_err(|e| failed(e.to_string()))?;
        let real = std::fs::canonicalize(&path).map_err(|e| failed(e.to_string()))?;
        if real.starts_with(self.disk.root()) { Ok(real) } else { Err(failed("it leads out of the project".into())) }
    }
}

/// The folder's name, if small facts may be kept there: below the project's, and not beside the reports of comparisons.
pub fn checked(folder: &str, example: &str) -> Result<String, Failure> {
    let parts: Option<Vec<&str>> = Path::new(folder)
        .components()
        .filter(|part| *part != Component::CurDir)
        .map(|part| if let Component::Normal(name) = part { name.to_str() } else { None })
        .collect();
    let wrong =
        |why: &str| Failure::usage(format!("--keep {folder}: {why}")).hint(format!("for example --keep {example}"));
    match parts.as_deref() {
        None | Some([]) => Err(wrong("expected a folder below the project's")),
        Some([REPORTS]) => Err(wrong("reports of comparisons are there, and every .json of it is read as one")),
        Some(parts) => Ok(parts.join("/")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_below_the_project_and_not_that_of_reports() {
        assert_eq!(checked("./evidence/diagnoses/", FOLDER).ok().as_deref(), Some("evidence/diagnoses"));
        for wrong in ["/tmp/x", "../x", "a/../../b", "evidence", "evidence/", ".", ""] {
            assert!(checked(wrong, FOLDER).is_err(), "{wrong}");
        }
    }
}
