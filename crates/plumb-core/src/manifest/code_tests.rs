use super::*;
use crate::code::is_hash;
use crate::kinds;
use crate::manifest::{Desired, Failure, GivenVariables, InMemory, Request, load, load_earlier};
use serde_json::json;

const PROJECT: &str = "apiVersion: plumb/v1
kind: Project
metadata: {name: bau}
spec:
  variables: {code: ./lib, wheel: ./dist/etl-1.0.whl, list: [{whl: ./dist/etl-1.0.whl}]}
  targets:
    prod: {default: true, databricks: {host: 'https://x', code: /Workspace/Shared/ops}, patches: [patches]}
    volume: {databricks: {host: 'https://x', code: /Volumes/main/ops/plumb/}}
    open: {databricks: {host: 'https://x'}}
    dev: {mode: development, databricks: {host: 'https://x', code: /Users/ann/x}}
    sandbox: {sandbox: true}
";

fn job(name: &str, rest: &str) -> String {
    format!("apiVersion: plumb/v1\nkind: DatabricksJob\nmetadata: {{name: {name}}}\nspec:\n{rest}")
}

fn python(name: &str, path: &str) -> String {
    job(
        name,
        &format!(
            "  tasks: [{{task_key: t, environment_key: e, spark_python_task: {{python_file: '{path}'}}}}]\n  environments: [{{environment_key: e, spec: {{environment_version: '3'}}}}]\n"
        ),
    )
}

fn source(files: &[(&str, &str)]) -> InMemory {
    let fixed = [
        ("plumb.yaml", PROJECT),
        ("src/load.py", "import parts\n"),
        ("src/parts.py", "x = 1\n"),
        ("src/etl.py", "# Databricks notebook source\nx = 1\n"),
        ("src/__pycache__/parts.pyc", "no"),
        ("src/.env", "TOKEN=no"),
        ("lib/load.py", "y = 1\n"),
        ("dist/etl-1.0.whl", "wheel"),
        ("patches/none.yaml", ""),
    ];
    InMemory(fixed.iter().chain(files).map(|(path, text)| ((*path).to_owned(), text.as_bytes().to_vec())).collect())
}

fn request(target: &str) -> Request<'static> {
    Request {
        target: Some(target.to_owned()),
        variables: GivenVariables::default(),
        env: &|_| None,
        user: Some("ann".to_owned()),
    }
}

fn read(target: &str, files: &[(&str, &str)]) -> Result<Desired, Failure> {
    load(&source(files), &request(target), kinds::all())
}

fn loaded(files: &[(&str, &str)]) -> Desired {
    read("prod", files).unwrap_or_else(|failure| panic!("{:?}", failure.problems))
}

fn spec(desired: &Desired, name: &str) -> Value {
    desired.resources.iter().find(|one| one.address.name == name).unwrap().spec.to_value()
}

#[test]
fn a_path_of_the_repository_becomes_one_of_its_tree() {
    let desired = loaded(&[("manifests/a.yaml", &python("a", "../src/load.py"))]);
    let address = &desired.resources[0].address;
    let tree = desired.code.of(address).unwrap();
    assert!(is_hash(&tree.hash));
    assert_eq!(desired.code.folder.path(), "/Workspace/Shared/ops/.plumb/bau/prod/code");
    let wanted = format!("/Workspace/Shared/ops/.plumb/bau/prod/code/{}/src/load.py", tree.hash);
    assert_eq!(spec(&desired, "a")["tasks"][0]["spark_python_task"]["python_file"], wanted.as_str());
    let file = &tree.files["src/load.py"];
    assert_eq!((file.text.as_deref(), file.bytes, file.place.as_str()), (Some("import parts\n"), 13, "src/load.py"));
    assert_eq!((tree.files.len(), desired.code.keep_days), (1, 30));
    assert_eq!(
        desired.resources[0].node().to_json()["tasks"][0]["spark_python_task"]["python_file"],
        json!("../src/load.py")
    );
}

#[test]
fn each_path_is_relative_to_the_file_in_which_it_stands() {
    let patch = |name: &str, file: &str| {
        let patch = format!(
            "apiVersion: plumb/v1\nkind: DatabricksJob\nmetadata: {{name: {name}}}\nspec:\n  tasks: [{{task_key: t, spark_python_task: {{python_file: {file}}}}}]\n"
        );
        patch
    };
    let desired = loaded(&[
        ("manifests/a.yaml", &python("a", "../src/load.py")),
        ("manifests/deep/down/b.yaml", &python("b", "../../../src/load.py")),
        ("manifests/c.yaml", &python("c", "${var.code}/load.py")),
        ("manifests/deep/d.yaml", &python("d", "../src/none.py")),
        ("patches/d.yaml", &patch("d", "../lib/load.py")),
        ("manifests/deep/e.yaml", &python("e", "../../src/./../src//load.py")),
        (
            "manifests/deep/f.yaml",
            &job("f", "  tasks: [{task_key: t, spark_jar_task: {main_class_name: M}, libraries: '${var.list}'}]\n"),
        ),
        (
            "manifests/deep/g.yaml",
            &job(
                "g",
                "  tasks: [{task_key: t, spark_jar_task: {main_class_name: M}, libraries: [{whl: '${var.wheel}'}]}]\n",
            ),
        ),
    ]);
    let files = |name: &str| {
        let address = Address { kind: "DatabricksJob".into(), name: name.into() };
        desired.code.of(&address).unwrap().files.keys().map(String::as_str).collect::<Vec<_>>().join(" ")
    };
    for (name, wanted) in [
        ("a", "src/load.py"),
        ("b", "src/load.py"),
        ("c", "lib/load.py"),
        ("d", "lib/load.py"),
        ("e", "src/load.py"),
        ("f", "dist/etl-1.0.whl"),
        ("g", "dist/etl-1.0.whl"),
    ] {
        assert_eq!(files(name), wanted, "{name}");
    }
    // Those with the same files share a tree.
    assert_eq!(desired.code.trees.len(), 3);
    assert_eq!(desired.code.users_of(&desired.code.of(&desired.resources[0].address).unwrap().hash).count(), 3);
}

#[test]
fn values_of_the_command_line_are_relative_to_the_project() {
    let given = Request {
        variables: GivenVariables {
            files: vec![crate::manifest::VariableFile {
                path: "/tmp/x/vars.yaml".into(),
                text: "list: [{whl: ./dist/etl-1.0.whl}]".into(),
            }],
            pairs: [("code".to_owned(), "./lib".to_owned())].into(),
        },
        ..request("prod")
    };
    let files = [
        ("manifests/deep/a.yaml", python("a", "${var.code}/load.py")),
        (
            "manifests/deep/b.yaml",
            job("b", "  tasks: [{task_key: t, spark_jar_task: {main_class_name: M}, libraries: '${var.list}'}]\n"),
        ),
    ];
    let files: Vec<(&str, &str)> = files.iter().map(|(path, text)| (*path, text.as_str())).collect();
    let desired = load(&source(&files), &given, kinds::all()).unwrap_or_else(|e| panic!("{:?}", e.problems));
    assert_eq!(desired.code.trees.len(), 2);
}

#[test]
fn folders_are_taken_along_without_what_is_hidden() {
    let along = python("a", "../src/load.py").replace("{name: a}", "{name: a, code: [../src, ../lib/load.py]}");
    let desired = loaded(&[("manifests/a.yaml", &along)]);
    let tree = desired.code.of(&desired.resources[0].address).unwrap();
    let files: Vec<&str> = tree.files.keys().map(String::as_str).collect();
    assert_eq!(files, ["lib/load.py", "src/etl.py", "src/load.py", "src/parts.py"]);
    assert_eq!(tree.files["src/etl.py"].form.label(), "notebook.python");
}

#[test]
fn a_hash_is_of_the_files_and_nothing_else() {
    let hash = |files: &[(&str, &str)]| {
        let along = python("a", "../src/load.py").replace("{name: a}", "{name: a, code: [../src]}");
        let all: Vec<(&str, &str)> =
            [("manifests/a.yaml", along.as_str())].into_iter().chain(files.iter().copied()).collect();
        let desired = loaded(&all);
        desired.code.of(&desired.resources[0].address).unwrap().hash.clone()
    };
    let first = hash(&[]);
    assert_eq!(
        hash(&[("other/x.py", "x"), ("src/.hidden", "x"), ("manifests/b.yaml", &python("b", "../lib/load.py"))]),
        first
    );
    for file in [("src/parts.py", "x = 2\n"), ("src/more.py", ""), ("src/etl.py", "x = 1\n")] {
        assert_ne!(hash(&[file]), first, "{file:?}");
    }
}

#[test]
fn each_field_gets_the_path_that_its_service_wants() {
    let text = "  tasks:
  - {task_key: n, notebook_task: {notebook_path: ../src/etl.py, base_parameters: {p: ./stays}}, libraries: [{whl: ../dist/etl-*.whl}]}
  - {task_key: g, notebook_task: {notebook_path: ./stays, source: GIT}}
  - {task_key: q, environment_key: e, spark_python_task: {python_file: ../src/load.py, parameters: [./stays]}}
  git_source: {git_url: 'https://x/y', git_provider: gitHub, git_branch: main}
  environments: [{environment_key: e, spec: {environment_version: '3', dependencies: [simplejson, ../dist/etl-1.0.whl]}}]
";
    let with_git = loaded(&[("manifests/a.yaml", &job("a", text))]);
    assert!(with_git.code.trees.is_empty());
    let without = text.replace("  git_source: {git_url: 'https://x/y', git_provider: gitHub, git_branch: main}\n", "");
    let without = without.replace("../dist/etl-1.0.whl]", "../dist/etl-1.0.whl, -r ../lib/load.py]");
    let desired = loaded(&[("manifests/a.yaml", &job("a", &without))]);
    let spec = spec(&desired, "a");
    let tree = desired.code.folder.tree(&desired.code.of(&desired.resources[0].address).unwrap().hash);
    let at = |pointer: &str| spec.pointer(pointer).unwrap().as_str().unwrap().replace(&tree, "TREE");
    assert_eq!(at("/tasks/0/notebook_task/notebook_path"), "TREE/src/etl");
    assert_eq!(at("/tasks/0/notebook_task/base_parameters/p"), "./stays");
    assert_eq!(at("/tasks/0/libraries/0/whl"), "TREE/dist/etl-1.0.whl");
    assert_eq!(at("/tasks/1/notebook_task/notebook_path"), "./stays");
    assert_eq!(at("/tasks/2/spark_python_task/parameters/0"), "./stays");
    assert_eq!(at("/environments/0/spec/dependencies/0"), "simplejson");
    assert_eq!(at("/environments/0/spec/dependencies/1"), "TREE/dist/etl-1.0.whl");
    assert_eq!(at("/environments/0/spec/dependencies/2"), "-r TREE/lib/load.py");
}

fn pipeline(spec: &str) -> String {
    format!("apiVersion: plumb/v1\nkind: DatabricksPipeline\nmetadata: {{name: p}}\nspec:\n  name: p\n{spec}")
}

#[test]
fn a_pipelines_sources_are_a_notebook_a_file_or_all_of_a_folder() {
    let desired = loaded(&[
        ("src/down/more.sql", "select 1"),
        (
            "manifests/p.yaml",
            &pipeline(
                "  root_path: ../src\n  libraries:\n  - {glob: {include: ../src/**}}\n  - {glob: {include: ../src/etl.py}}\n  \
                 - {notebook: {path: ../src/etl.py}}\n  - {file: {path: ../src/load.py}}\n  \
                 - {glob: {include: /Workspace/other/**}}\n",
            ),
        ),
    ]);
    let tree = desired.code.of(&desired.resources[0].address).unwrap();
    let at = |path: &str| format!("/Workspace/Shared/ops/.plumb/bau/prod/code/{}/{path}", tree.hash);
    let spec = spec(&desired, "p");
    assert_eq!(spec["root_path"], at("src").as_str());
    let libraries = &spec["libraries"];
    assert_eq!(libraries[0]["glob"]["include"], at("src/**").as_str());
    assert_eq!(libraries[1]["glob"]["include"], at("src/etl").as_str(), "a notebook has no ending in a workspace");
    assert_eq!(libraries[2]["notebook"]["path"], at("src/etl").as_str());
    assert_eq!(libraries[3]["file"]["path"], at("src/load.py").as_str());
    assert_eq!(libraries[4]["glob"]["include"], "/Workspace/other/**");
    let files: Vec<&str> = tree.files.keys().map(String::as_str).collect();
    assert_eq!(files, ["src/down/more.sql", "src/etl.py", "src/load.py", "src/parts.py"]);
    for (include, wrong) in [
        ("../src", "`src` is a folder, and a file belongs here"),
        ("../src/load.py/**", "`src/load.py` is a file, and only a folder has `/**` behind it"),
        ("../none/**", "there is no `none`"),
    ] {
        let text = pipeline(&format!("  libraries: [{{glob: {{include: {include}}}}}]\n"));
        let found = mistakes("prod", &[("manifests/p.yaml", &text)]);
        assert!(found.len() == 1 && found[0].contains(wrong), "{include}: {found:?}");
    }
    let volume = mistakes("volume", &[("manifests/p.yaml", &pipeline("  libraries: [{glob: {include: ../src/**}}]\n"))]);
    assert!(volume.iter().any(|told| told.contains("a volume keeps no sources of pipelines")), "{volume:?}");
}

#[test]
fn what_plumb_put_there_is_not_the_manifests() {
    use crate::manifest::Author;
    let text =
        python("a", "../src/load.py").replace("task_key: t,", "task_key: t, libraries: [{whl: ../dist/etl-1.0.whl}],");
    let desired = loaded(&[("manifests/a.yaml", &text)]);
    let resource = &desired.resources[0];
    let place = |path: &str| resource.place(&resource.path(path).unwrap());
    assert_eq!(place("tasks[t].spark_python_task.python_file").by, Author::Code);
    assert_eq!(place("tasks[t].environment_key").by, Author::Manifest);
    // A library is known by its text, which is another one in the manifest.
    let library = spec(&desired, "a")["tasks"][0]["libraries"][0].clone();
    let rules = resource.kind.rules();
    let list = crate::manifest::path(rules, "tasks[t].libraries").unwrap();
    let element = list.with(plumb_model::schema::Segment::Item(plumb_model::schema::label(&library)));
    assert!(plumb_model::schema::find(rules, &resource.spec, &element).is_some());
    let found = resource.place(&element);
    assert_eq!(found.by, Author::Manifest);
    let written = &desired.files.get(found.span.file).text[found.span.start..];
    assert!(written.starts_with("{whl: ../dist/etl-1.0.whl}"), "{written}");
    assert_eq!(resource.place(&element.key("whl")).by, Author::Code);
}

/// Every message, with its label.
fn mistakes(target: &str, files: &[(&str, &str)]) -> Vec<String> {
    match read(target, files) {
        Ok(_) => Vec::new(),
        Err(failure) => failure.problems.iter().map(|one| format!("{} | {}", one.message, one.label)).collect(),
    }
}

#[test]
fn a_path_that_names_no_code_is_told() {
    let cases = [
        ("../src/lod.py", "there is no `src/lod.py` | did you mean `../src/load.py`?"),
        ("../src", "`src` is a folder, and a file belongs here | name a file in it"),
        ("../src/etl.py", "`src/etl.py` is a notebook, and a file belongs here | not a plain file"),
        ("../src/etl", "there is no `src/etl` | write `../src/etl.py`: the file has an ending"),
        ("../../x.py", "`../../x.py` leaves the repository | relative to this file"),
        ("${var.code}/../../x.py", "`./lib/../../x.py` leaves the repository | relative to plumb.yaml"),
        ("../src/.env", "`src/.env` is hidden | hidden files are not taken: credentials stand in them"),
        ("../src\\x.py", "`../src\\\\x.py` has a `\\` in it | paths have forward slashes"),
        ("../nowhere/x.py", "there is no `nowhere/x.py` | relative to this file"),
        (
            "src/load.py",
            "`src/load.py` is a path that no run finds | relative: the workspace has no folder that it could start from",
        ),
    ];
    for (path, wanted) in cases {
        assert_eq!(mistakes("prod", &[("manifests/a.yaml", &python("a", path))]), [wanted], "{path}");
    }
    let notebook =
        |path: &str| job("a", &format!("  tasks: [{{task_key: t, notebook_task: {{notebook_path: {path}}}}}]\n"));
    for (path, wanted) in [
        ("../src/load.py", "`src/load.py` is no notebook | its first line has to be `# Databricks notebook source`"),
        (
            "../dist/etl-1.0.whl",
            "`dist/etl-1.0.whl` is no notebook | a notebook's name ends in `.py`, `.sql`, `.scala`, `.r` or `.ipynb`",
        ),
        ("../src/x.ipynb", "`src/x.ipynb` is no notebook | it has no `cells`"),
    ] {
        assert_eq!(
            mistakes("prod", &[("manifests/a.yaml", &notebook(path)), ("src/x.ipynb", "{}")]),
            [wanted],
            "{path}"
        );
    }
    assert!(
        mistakes(
            "prod",
            &[("manifests/a.yaml", &notebook("../src/x.sql")), ("src/x.sql", "-- Databricks notebook source\n")]
        )
        .is_empty()
    );
}

#[test]
fn a_star_stands_for_one_file() {
    let with = |wheel: &str| {
        job(
            "a",
            &format!(
                "  tasks: [{{task_key: t, spark_jar_task: {{main_class_name: M}}, libraries: [{{whl: {wheel}}}]}}]\n"
            ),
        )
    };
    let told = |wheel: &str| {
        mistakes(
            "prod",
            &[
                ("manifests/a.yaml", &with(wheel)),
                ("dist/etl-1.1.whl", ""),
                ("dist/other.whl", ""),
                ("dist/.etl.whl", ""),
            ],
        )
    };
    assert_eq!(
        told("../dist/etl-*.whl"),
        ["2 files fit `../dist/etl-*.whl`: `etl-1.0.whl`, `etl-1.1.whl` | only one may"]
    );
    assert_eq!(told("../dist/x*.whl"), ["nothing fits `../dist/x*.whl` | one file has to"]);
    assert_eq!(
        told("../*/etl.whl"),
        ["`../*/etl.whl` has more than one `*`, or one in a folder's name | one `*` may stand in the file's name"]
    );
    assert!(told("../dist/oth*.whl").is_empty());
}

#[test]
fn metadata_that_takes_along_nothing_is_told() {
    let with = |text: String, code: &str| text.replace("{name: a}", &format!("{{name: a, code: [{code}]}}"));
    let pool = "apiVersion: plumb/v1\nkind: DatabricksInstancePool\nmetadata: {name: a}\nspec: {instance_pool_name: a, node_type_id: m5.large}\n";
    for (text, code, wanted) in [
        (pool.to_owned(), "../src", "DatabricksInstancePool has no code | taken along with nothing"),
        (
            python("a", "/Workspace/x.py"),
            "../src",
            "nothing in the spec names a file of the repository, so nothing would use this code | taken along with nothing",
        ),
        (
            python("a", "../src/load.py"),
            "src",
            "`src` is no path of the repository | it has to begin with `./` or `../`",
        ),
        (python("a", "../src/load.py"), "../scr", "there is no `scr` | did you mean `../src`?"),
    ] {
        assert_eq!(mistakes("prod", &[("manifests/a.yaml", &with(text, code))]), [wanted], "{code}");
    }
}

#[test]
fn a_workspace_has_one_thing_at_a_path() {
    let along = python("a", "../src/load.py").replace("{name: a}", "{name: a, code: [../src]}");
    let wanted = "`src/etl` and `src/etl.py` would both be `src/etl` in a workspace | rename one of them";
    assert_eq!(mistakes("prod", &[("manifests/a.yaml", &along), ("src/etl", "x")]), [wanted]);
    let wanted = "`src/etl.py` is `src/etl` in a workspace, where `src/etl/x.py` needs a folder of that name | rename one of them";
    assert_eq!(mistakes("prod", &[("manifests/a.yaml", &along), ("src/etl/x.py", "x")]), [wanted]);
    let wanted = "no workspace takes the name `src/a\\nb.py`: it has a character that does not show | in this folder";
    assert_eq!(mistakes("prod", &[("manifests/a.yaml", &along), ("src/a\nb.py", "x")]), [wanted]);
}

#[test]
fn a_volume_keeps_files_and_no_notebooks() {
    let notebook = job("a", "  tasks: [{task_key: t, notebook_task: {notebook_path: ../src/etl.py}}]\n");
    let wanted =
        "a volume keeps no notebooks | this target keeps code in /Volumes/main/ops/plumb/.plumb/bau/volume/code";
    assert_eq!(mistakes("volume", &[("manifests/a.yaml", &notebook)]), [wanted]);
    let along = python("a", "../src/load.py").replace("{name: a}", "{name: a, code: [../src]}");
    let desired = read("volume", &[("manifests/a.yaml", &along)]).unwrap_or_else(|e| panic!("{:?}", e.problems));
    let tree = desired.code.of(&desired.resources[0].address).unwrap();
    assert!(tree.files.values().all(|file| file.form == CodeForm::File));
    let script = |member: &str| {
        let cluster = "apiVersion: plumb/v1\nkind: DatabricksCluster\nmetadata: {name: a}\nspec: {spark_version: 16.4.x-scala2.12, node_type_id: m, num_workers: 1, init_scripts: [{MEMBER: {destination: ../src/load.py}}]}\n";
        cluster.replace("MEMBER", member)
    };
    let told = |target: &str, member: &str| mistakes(target, &[("manifests/a.yaml", &script(member))]);
    assert!(told("volume", "volumes").is_empty() && told("prod", "workspace").is_empty());
    assert_eq!(
        told("prod", "volumes"),
        [
            "this target keeps code in /Workspace/Shared/ops/.plumb/bau/prod/code | write `workspace:` in the place of `volumes:`"
        ]
    );
    assert_eq!(
        told("volume", "workspace"),
        [
            "this target keeps code in /Volumes/main/ops/plumb/.plumb/bau/volume/code | write `volumes:` in the place of `workspace:`"
        ]
    );
}

#[test]
fn who_reads_the_code_is_told_by_the_spec() {
    let reader = |text: String| {
        let desired = loaded(&[("manifests/a.yaml", &text)]);
        desired.code.users.values().next().unwrap().reader.clone()
    };
    let run_as = |who: &str| format!("{}  run_as: {{{who}}}\n", python("a", "../src/load.py"));
    let id = "0b1c2d3e-0000-4000-8000-000000000001";
    assert_eq!(reader(python("a", "../src/load.py")), None);
    assert_eq!(reader(run_as("user_name: ann@acme.example")), Some(CodeReader::User("ann@acme.example".into())));
    assert_eq!(reader(run_as(&format!("service_principal_name: {id}"))), Some(CodeReader::ServicePrincipal(id.into())));
    let group = mistakes("prod", &[("manifests/a.yaml", &run_as("group_name: team"))]);
    assert_eq!(group, ["code cannot be given to a group | plumb gives users and service principals the right to read"]);
    let cluster = |who: &str| {
        format!(
            "apiVersion: plumb/v1\nkind: DatabricksCluster\nmetadata: {{name: a}}\nspec: {{spark_version: 16.4.x-scala2.12, node_type_id: m, num_workers: 1, single_user_name: '{who}', libraries: [{{whl: ../dist/etl-1.0.whl}}]}}\n"
        )
    };
    assert_eq!(reader(cluster("ann@acme.example")), Some(CodeReader::User("ann@acme.example".into())));
    assert_eq!(reader(cluster(id)), Some(CodeReader::ServicePrincipal(id.into())));
    assert_eq!(reader(cluster("team")), None);
}

#[test]
fn code_where_others_may_write_is_warned_of_once() {
    let files =
        [("manifests/a.yaml", python("a", "../src/load.py")), ("manifests/b.yaml", python("b", "../src/load.py"))];
    let files: Vec<(&str, &str)> = files.iter().map(|(path, text)| (*path, text.as_str())).collect();
    let warned = |target: &str| {
        let desired = read(target, &files).unwrap_or_else(|e| panic!("{:?}", e.problems));
        desired.noted.iter().filter(|(rule, _)| *rule == "code-folder").count()
    };
    assert_eq!((warned("open"), warned("prod"), warned("sandbox")), (1, 0, 0));
    let desired = read("open", &[("manifests/a.yaml", &python("a", "/Workspace/x.py"))]);
    assert!(desired.is_ok_and(|desired| desired.noted.is_empty()));
}

#[test]
fn a_jar_that_would_be_kept_in_the_workspace_is_warned_of() {
    let task = |libraries: &str| {
        job(
            "a",
            &format!(
                "  tasks: [{{task_key: t, existing_cluster_id: c, spark_jar_task: {{main_class_name: M}}, libraries: [{libraries}]}}]\n"
            ),
        )
    };
    let warned = |target: &str, libraries: &str| {
        let files = [("manifests/a.yaml", task(libraries)), ("dist/a.jar", "jar".to_owned())];
        let files: Vec<(&str, &str)> = files.iter().map(|(path, text)| (*path, text.as_str())).collect();
        let desired = read(target, &files).unwrap_or_else(|e| panic!("{:?}", e.problems));
        let jars = desired.noted.iter().filter(|(rule, _)| *rule == "jar-in-workspace");
        jars.map(|(_, problem)| (problem.message.clone(), problem.span.is_some())).collect::<Vec<_>>()
    };
    let said = "`../dist/a.jar` would be kept in the workspace, from where most clusters install no jar".to_owned();
    assert_eq!(warned("prod", "{whl: ../dist/etl-1.0.whl}, {jar: ../dist/a.jar}"), [(said, true)]);
    for (target, libraries) in [
        ("volume", "{jar: ../dist/a.jar}"),
        ("sandbox", "{jar: ../dist/a.jar}"),
        ("prod", "{jar: /Volumes/main/ops/plumb/a.jar}"),
        ("prod", "{whl: ../dist/etl-1.0.whl}"),
    ] {
        assert_eq!(warned(target, libraries), [], "{target}: {libraries}");
    }
}

#[test]
fn code_is_kept_where_the_target_says_for_each_developer() {
    let folder = |target: &str| {
        let desired = read(target, &[("manifests/a.yaml", &python("a", "../src/load.py"))]);
        desired.unwrap_or_else(|e| panic!("{:?}", e.problems)).code.folder.path().to_owned()
    };
    assert_eq!(folder("dev"), "/Workspace/Users/ann/x/.plumb/bau/dev.ann/code");
    assert_eq!(folder("open"), "/Workspace/Shared/.plumb/bau/open/code");
}

#[test]
fn a_folder_that_keeps_no_code_and_a_time_that_is_none_are_told() {
    let told = |code: &str, keep: &str| {
        let project = PROJECT
            .replace("/Users/ann/x", code)
            .replace("  targets:", &format!("  code: {{keep: '{keep}'}}\n  targets:"));
        mistakes("prod", &[("plumb.yaml", &project), ("manifests/a.yaml", "")])
    };
    for good in ["/Workspace/a", "/Users/a/b", "/Shared/", "/Shared", "/Volumes/a/b/c", "/Volumes/a/b/c/d/"] {
        assert!(told(good, "7d").is_empty(), "{good}");
    }
    for bad in [
        "/Workspace",
        "/Volumes/a/b",
        "dbfs:/a",
        "a/b",
        "/",
        "/Workspace/../a",
        "/Workspace//a",
        "s3://a/b",
        "/Repos/a",
        "/Workspace/Repos/a",
        "/Volumes/a/b/..",
    ] {
        let told = told(bad, "7d");
        assert!(told.len() == 1 && told[0].starts_with(&format!("`{bad}` cannot keep code | ")), "{bad}: {told:?}");
    }
    for bad in ["7", "12h", "0d", "1d12h", "x"] {
        assert_eq!(
            told("/Workspace/a", bad),
            [format!("`{bad}` is no number of days | expected days from 1 on, such as `30d`")]
        );
    }
}

#[test]
fn of_an_earlier_commit_what_it_does_not_have_is_not_known() {
    let both = job(
        "a",
        "  tasks: [{task_key: t, environment_key: e, spark_python_task: {python_file: ../src/load.py}, libraries: [{whl: ../build/x.whl}]}]\n  environments: [{environment_key: e, spec: {environment_version: '3'}}]\n",
    );
    let files = [("manifests/a.yaml", both.as_str()), ("manifests/b.yaml", &python("b", "../src/load.py"))];
    assert_eq!(mistakes("prod", &files), ["there is no `build/x.whl` | relative to this file"]);
    let earlier =
        load_earlier(&source(&files), &request("prod"), kinds::all()).unwrap_or_else(|e| panic!("{:?}", e.problems));
    let spec = |name: &str| spec(&earlier, name)["tasks"][0].clone();
    assert_eq!(spec("a")["spark_python_task"]["python_file"], Vault::UNKNOWN);
    assert_eq!(spec("a")["libraries"][0]["whl"], Vault::UNKNOWN);
    assert!(spec("b")["spark_python_task"]["python_file"].as_str().unwrap().ends_with("/src/load.py"));
    // What is known of the tree explains; its name is no tree's.
    let tree = earlier.code.of(&earlier.resources[0].address).unwrap();
    assert!(!is_hash(&tree.hash) && tree.files.len() == 1);
}

/// A source that says of one file that it is larger than it is.
struct Large<'a>(&'a InMemory, &'a str, u64);

impl ManifestSource for Large<'_> {
    fn list(&self, path: &str) -> Result<Vec<crate::manifest::ManifestFile>, String> {
        self.0.list(path)
    }
    fn read(&self, path: &str) -> Result<Vec<u8>, String> {
        self.0.read(path)
    }
    fn code_at(&self, path: &str) -> Result<FoundCode, String> {
        let bytes = |found: FoundCode| if path == self.1 { FoundCode { bytes: self.2, ..found } } else { found };
        self.0.code_at(path).map(bytes)
    }
    fn code_names(&self, folder: &str) -> Result<Vec<String>, String> {
        self.0.code_names(folder)
    }
    fn open_code(&self, path: &str) -> Result<Box<dyn crate::code::CodeReading + '_>, String> {
        assert_ne!(path, self.1, "a file that is too large was opened");
        self.0.open_code(path)
    }
}

#[test]
fn a_file_that_is_too_large_is_not_opened() {
    let told = |target: &str, bytes: u64| {
        let files = source(&[("manifests/a.yaml", &python("a", "../src/load.py"))]);
        match load(&Large(&files, "src/load.py", bytes), &request(target), kinds::all()) {
            Ok(_) => String::new(),
            Err(failure) => failure.problems.iter().map(|one| one.message.clone()).collect(),
        }
    };
    assert_eq!(told("prod", 600_000_000), "`src/load.py` has 600 MB: 500 MB is the most of a file of the workspace");
    assert_eq!(told("volume", 6_000_000_000), "`src/load.py` has 6.0 GB: 5.0 GB is the most of a volume");
}
