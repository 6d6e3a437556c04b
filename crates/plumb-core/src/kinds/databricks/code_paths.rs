//! Paths of code that nothing finds: neither the service, nor plumb in the repository.

use super::git::FileSource;
use super::job_parts::EnvironmentSpec;
use super::libraries::Library;
use super::tasks::JobTask;
use crate::kinds::Findings;
use plumb_model::yaml::is_deferred;

/// What paths are held against.
pub struct Checked {
    /// Whether the job has a `git_source`, to which paths may be relative.
    pub has_git: bool,
}

const LABEL: &str = "relative: the workspace has no folder that it could start from";
const HELP: &str = "a file of the repository begins with `./` or `../`; anything else is written as it is there: `/Workspace/…`, \
                    `/Volumes/…`, or an address such as `s3://…`. With a `git_source` it is relative to that";

impl Checked {
    /// Checks what a task runs and the libraries that it brings.
    ///
    /// Files in the workspace have absolute paths, and those in a repository relative ones (databricks-sdk-py jobs.NotebookTask,
    /// jobs.SparkPythonTask, jobs.GenAiComputeTask).
    pub fn task(&self, task: &JobTask, at: &str, findings: &mut Findings) {
        let mut file = |member: &str, path: Option<&str>, source: Option<FileSource>| {
            let of_git = match source {
                Some(source) => source == FileSource::Git,
                None => self.has_git || !findings.is_whole(&format!("{at}.{}", beside(member))),
            };
            if let Some(path) = path.filter(|path| !of_git && is_relative(path)) {
                report(path, format!("{at}.{member}"), findings);
            }
        };
        if let Some(task) = &task.notebook_task {
            file("notebook_task.notebook_path", Some(&task.notebook_path), task.source);
        }
        if let Some(task) = &task.spark_python_task {
            file("spark_python_task.python_file", Some(&task.python_file), task.source);
        }
        if let Some(sql) = task.sql_task.as_ref().and_then(|task| task.file.as_ref()) {
            file("sql_task.file.path", Some(&sql.path), sql.source);
        }
        if let Some(task) = &task.dbt_task {
            file("dbt_task.project_directory", task.project_directory.as_deref(), task.source);
        }
        if let Some(task) = &task.gen_ai_compute_task {
            file("gen_ai_compute_task.training_script_path", task.training_script_path.as_deref(), task.source);
        }
        self.libraries(task.libraries.as_deref(), &format!("{at}.libraries"), findings);
    }

    /// Checks the files that an environment installs. A line without a slash or an ending of a file is a package of an index.
    pub fn environment(&self, spec: &EnvironmentSpec, at: &str, findings: &mut Findings) {
        self.dependencies(spec.dependencies.as_deref(), &format!("{at}.dependencies"), findings);
        for (i, path) in spec.java_dependencies.iter().flatten().enumerate() {
            self.path(path, format!("{at}.java_dependencies[{i}]"), findings);
        }
    }

    /// Checks a path by itself.
    pub fn path(&self, path: &str, at: String, findings: &mut Findings) {
        if !self.has_git && is_relative(path) {
            report(path, at, findings);
        }
    }

    /// Checks the lines of a `requirements.txt`.
    pub fn dependencies(&self, lines: Option<&[String]>, at: &str, findings: &mut Findings) {
        for (i, line) in lines.unwrap_or_default().iter().enumerate() {
            if let Some(path) = file_of(line).filter(|path| !self.has_git && is_relative(path)) {
                report(path, format!("{at}[{i}]"), findings);
            }
        }
    }

    /// Checks the libraries of a cluster, a policy or a task (databricks-sdk-py compute.Library: workspace paths, volumes and
    /// addresses of object stores).
    pub fn libraries(&self, libraries: Option<&[Library]>, at: &str, findings: &mut Findings) {
        for (i, library) in libraries.iter().copied().flatten().enumerate() {
            let files = [
                ("egg", &library.egg),
                ("jar", &library.jar),
                ("requirements", &library.requirements),
                ("whl", &library.whl),
            ];
            for (member, path) in files {
                if let Some(path) = path.as_deref().filter(|path| !self.has_git && is_relative(path)) {
                    report(path, format!("{at}[{i}].{member}"), findings);
                }
            }
        }
    }
}

/// The file that a line of a `requirements.txt` names. One without an ending of a file is a package of an index.
fn file_of(line: &str) -> Option<&str> {
    let behind = line.strip_prefix("-r ").or_else(|| line.strip_prefix("-c ")).map(str::trim_start);
    behind.or_else(|| line.ends_with(".whl").then_some(line)).filter(|path| !path.contains('@'))
}

fn report(path: &str, at: String, findings: &mut Findings) {
    let shown: String = path.chars().take(120).collect();
    findings.at_with_help(at, format!("`{}` is a path that no run finds", shown.escape_debug()), LABEL, HELP);
}

/// The `source` beside a member.
fn beside(member: &str) -> String {
    member.rsplit_once('.').map_or_else(String::new, |(task, _)| format!("{task}.source"))
}

/// Whether a path starts nowhere: it is neither absolute nor an address, and no reference that a run fills in.
fn is_relative(path: &str) -> bool {
    let is_address = path.split_once(':').is_some_and(|(scheme, _)| {
        !scheme.is_empty() && scheme.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.'))
    });
    let is_of_repository = path.starts_with("./") || path.starts_with("../") || path == "." || path == "..";
    !(is_of_repository || path.starts_with('/') || path.starts_with("{{") || is_address || is_deferred(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn relative_is_what_starts_nowhere() {
        for path in ["etl.py", "src/etl", "", "~/etl", "a b:/c", "dist/*.whl", ".etl", "..."] {
            assert!(is_relative(path), "{path}");
        }
        for path in [
            "./etl.py",
            "../etl",
            "..",
            "/Workspace/a",
            "/Volumes/a/b",
            "dbfs:/a.py",
            "s3://b/a.py",
            "abfss://c@d/a",
            "{{job.parameters.path}}",
            "${var.a}/b",
        ] {
            assert!(!is_relative(path), "{path}");
        }
    }
}
