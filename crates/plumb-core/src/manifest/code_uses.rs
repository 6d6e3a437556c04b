//! The places of a spec that name code of the repository.

use super::walk::{element, member};
use plumb_model::schema::{CodeRole, Field, Rules};
use plumb_model::yaml::{Node, Span, Tree};

/// A path of the repository that a manifest names.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct CodeUse {
    /// Where it stands in the spec, as a JSON pointer.
    pub at: String,
    /// The whole value.
    pub value: String,
    /// The part of it that is the path.
    pub path: String,
    pub span: Span,
    pub role: CodeRole,
}

impl CodeUse {
    /// The value with another path.
    pub(crate) fn with(&self, path: &str) -> String {
        let start = self.value.len() - self.path.len();
        format!("{}{path}", &self.value[..start])
    }

    /// Whether it is the destination of an init script, and whether that is in a volume.
    pub(super) fn script_in_volume(&self) -> Option<bool> {
        let (list, member) = (self.at.contains("/init_scripts/"), self.at.strip_suffix("/destination")?);
        list.then(|| member.ends_with("/volumes"))
    }
}

/// Whether a path is one of the repository.
pub(super) fn is_of_repository(path: &str) -> bool {
    path.starts_with("./") || path.starts_with("../") || path == "." || path == ".."
}

/// Whether a value is a path of the repository, or a line of a `requirements.txt` with one.
pub(super) fn names_code(value: &str) -> bool {
    is_of_repository(path_of(value))
}

/// Whether specs of these rules can name code.
pub(super) fn can_name(rules: &Rules) -> bool {
    rules.types().iter().any(|one| one.members.values().any(|member| member.rule.code.is_some()))
}

/// Every path of the repository in a spec, in order. Where the code comes out of a repository of git that the job names itself
/// (`git_source`), paths are relative to that one.
pub(super) fn uses(spec: &Node, rules: &Rules) -> Vec<CodeUse> {
    uses_where(spec, rules, is_of_repository)
}

/// Every path of that sort in a spec, in order, but for those in a repository of git.
pub(crate) fn uses_where(spec: &Node, rules: &Rules, is_wanted: fn(&str) -> bool) -> Vec<CodeUse> {
    let mut finder = UseFinder { rules, is_wanted, found: Vec::new(), at: String::new() };
    let of_git = spec.get("git_source").is_some_and(|source| source.tree != Tree::Null);
    finder.field(spec, &rules.root, of_git);
    finder.found
}

struct UseFinder<'r> {
    rules: &'r Rules,
    is_wanted: fn(&str) -> bool,
    found: Vec<CodeUse>,
    at: String,
}

impl UseFinder<'_> {
    fn field(&mut self, node: &Node, field: &Field, of_git: bool) {
        if let Some(role) = field.rule.code {
            if !of_git {
                self.named(node, role);
            }
            return;
        }
        match &node.tree {
            Tree::Seq(items) => {
                let Some(inner) = element(field) else { return };
                for (i, item) in items.iter().enumerate() {
                    self.below(&i.to_string(), |finder| finder.field(item, inner, of_git));
                }
            }
            Tree::Map(entries) => {
                // What says where the file beside it comes from.
                let source = member(self.rules, field, "source").and_then(|_| node.get("source"));
                let of_git = source.map_or(of_git, |source| source.as_str() != Some("WORKSPACE"));
                for entry in entries {
                    if let Some(inner) = member(self.rules, field, &entry.key) {
                        self.below(&entry.key, |finder| finder.field(&entry.value, inner, of_git));
                    }
                }
            }
            _ => {}
        }
    }

    fn named(&mut self, node: &Node, role: CodeRole) {
        match &node.tree {
            Tree::Str(value) => {
                let path = if role == CodeRole::Dependency { path_of(value) } else { value };
                if (self.is_wanted)(path) {
                    let (at, value, path) = (self.at.clone(), value.clone(), path.to_owned());
                    self.found.push(CodeUse { at, value, path, span: node.span, role });
                }
            }
            Tree::Seq(items) => {
                for (i, item) in items.iter().enumerate() {
                    self.below(&i.to_string(), |finder| finder.named(item, role));
                }
            }
            Tree::Map(_) => {
                if let Some(node) = node.get("destination") {
                    self.below("destination", |finder| finder.named(node, role));
                }
            }
            _ => {}
        }
    }

    fn below(&mut self, key: &str, work: impl FnOnce(&mut Self)) {
        let length = self.at.len();
        self.at.push('/');
        self.at.push_str(&key.replace('~', "~0").replace('/', "~1"));
        work(self);
        self.at.truncate(length);
    }
}

/// The path of a line of a `requirements.txt` (pip: requirements file format).
fn path_of(line: &str) -> &str {
    let options = ["-r", "--requirement", "-c", "--constraint"];
    let behind = options.iter().find_map(|option| line.strip_prefix(option)?.strip_prefix([' ', '=']));
    behind.map_or(line, str::trim_start)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kinds;
    use plumb_model::yaml::{FileId, Limits, Problems, parse};

    fn found(text: &str) -> Vec<(String, String, CodeRole)> {
        let rules = kinds::all().iter().find(|kind| kind.name() == "DatabricksJob").unwrap().rules();
        let node = parse(text, FileId(0), &Limits::default(), &mut Problems::default()).remove(0);
        uses(&node, rules).into_iter().map(|one| (one.at, one.path, one.role)).collect()
    }

    fn at(text: &str) -> Vec<String> {
        found(text).into_iter().map(|(at, ..)| at).collect()
    }

    #[test]
    fn every_path_of_code_is_found() {
        let text = "
tasks:
- {task_key: a, notebook_task: {notebook_path: ./a.py, base_parameters: {x: ./no}}}
- {task_key: b, spark_python_task: {python_file: ../b.py, parameters: [./no]}}
- {task_key: c, sql_task: {file: {path: ./c.sql}}}
- {task_key: d, dbt_task: {project_directory: ./dbt, commands: [dbt run]}}
- {task_key: e, for_each_task: {inputs: '[1]', task: {task_key: f, gen_ai_compute_task: {training_script_path: ./e.py, yaml_parameters_file_path: ./e.yaml}}}}
- {task_key: g, ai_runtime_task: {code_source_path: ./g.zip, deployments: [{command_path: ./g.sh}]}}
- {task_key: h, spark_jar_task: {jar_uri: ./h.jar}, libraries: [{whl: ./h.whl}, {jar: ./h.jar}, {egg: ./h.egg}, {requirements: ./h.txt}, {pypi: {package: ./no}}]}
- {task_key: i, new_cluster: {init_scripts: [{workspace: {destination: ./i.sh}}, {volumes: {destination: ./j.sh}}, {s3: {destination: ./no}}]}}
environments:
- {environment_key: x, spec: {base_environment: ./env.yaml, dependencies: [./x.whl, -r ./x.txt, --constraint=../y.txt, simplejson==3.19.2, -i ./no], java_dependencies: [./x.jar]}}
environment_variables:
- {environment_variables_key: x, spec: {files: [./x.env]}}
job_clusters:
- {job_cluster_key: x, new_cluster: {init_scripts: [{workspace: {destination: /Shared/i.sh}}]}}
";
        let paths: Vec<String> = found(text).into_iter().map(|(_, path, _)| path).collect();
        let wanted = "./a.py ../b.py ./c.sql ./dbt ./e.py ./e.yaml ./g.zip ./g.sh ./h.jar ./h.whl ./h.jar ./h.egg ./h.txt ./i.sh \
                      ./j.sh ./env.yaml ./x.whl ./x.txt ../y.txt ./x.jar ./x.env";
        assert_eq!(paths, wanted.split_whitespace().collect::<Vec<_>>());
        let places = at(text);
        assert_eq!(places[0], "/tasks/0/notebook_task/notebook_path");
        assert!(places.contains(&"/tasks/7/new_cluster/init_scripts/0/workspace/destination".to_owned()), "{places:?}");
    }

    #[test]
    fn what_comes_out_of_git_is_relative_to_that() {
        let job = |before: &str, source: &str| {
            at(&format!(
                "{before}\ntasks: [{{task_key: a, notebook_task: {{notebook_path: ./a, source: '{source}'}}}}]"
            ))
        };
        let git = "git_source: {git_url: x}";
        assert_eq!(job("", "WORKSPACE").len(), 1);
        assert_eq!(job(git, "WORKSPACE").len(), 1);
        for (before, source) in [("", "GIT"), (git, "GIT"), ("", "git"), ("", "${x}")] {
            assert!(job(before, source).is_empty(), "{before} {source}");
        }
        let whole = "libraries: [{whl: ./a.whl}], notebook_task: {notebook_path: ./a}";
        assert_eq!(at(&format!("tasks: [{{task_key: a, {whole}}}]")).len(), 2);
        assert!(at(&format!("{git}\ntasks: [{{task_key: a, {whole}}}]")).is_empty());
    }
}
