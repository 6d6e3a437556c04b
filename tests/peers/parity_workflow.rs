//! The workflow that compares and proposes the evidence: its scripts, run as the runner runs them, with a real git and
//! with stand-ins for `gh` and `plumb` that write down what they were asked.

use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn workflow() -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(".github/workflows/parity.yml");
    serde_yaml::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

/// The script of the step with this name.
fn script(job: &str, name: &str) -> String {
    let workflow = workflow();
    let steps = workflow["jobs"][job]["steps"].as_array().unwrap();
    let step = steps.iter().find(|step| step["name"] == name).unwrap_or_else(|| panic!("no step `{name}`"));
    step["run"].as_str().unwrap().to_owned()
}

/// A runner with a clone of a repository.
struct Runner {
    folder: tempfile::TempDir,
}

impl Runner {
    fn new() -> Self {
        let runner = Runner { folder: tempfile::tempdir().unwrap() };
        for folder in ["bin", "temporary/evidence"] {
            fs::create_dir_all(runner.path(folder)).unwrap();
        }
        runner.program("gh", "echo \"$*\" >> \"$STAND/asked\"; case \"$*\" in *state=open*) cat \"$STAND/open\" 2> /dev/null || true ;; esac");
        runner.git(".", &["init", "--quiet", "--bare", "--initial-branch=main", "origin"]);
        runner.git(".", &["clone", "--quiet", "origin", "checkout"]);
        runner.write("checkout/plumb.yaml", "x");
        runner.git("checkout", &["checkout", "--quiet", "-B", "main"]);
        runner.git("checkout", &["add", "--all"]);
        let who = ["-c", "user.name=a", "-c", "user.email=a@example.com"];
        runner.git("checkout", &[&who[..], &["commit", "--quiet", "--message", "Begin"]].concat());
        runner.git("checkout", &["push", "--quiet", "origin", "main"]);
        runner
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        fs::create_dir_all(self.path(name).parent().unwrap()).unwrap();
        fs::write(self.path(name), text).unwrap();
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap_or_default()
    }

    fn program(&self, name: &str, body: &str) {
        let name = format!("bin/{name}");
        self.write(&name, &format!("#!/bin/sh\n{body}\n"));
        fs::set_permissions(self.path(&name), fs::Permissions::from_mode(0o755)).unwrap();
    }

    fn git(&self, folder: &str, args: &[&str]) -> String {
        let done = Command::new("git").args(args).current_dir(self.path(folder)).output().unwrap();
        assert!(done.status.success(), "{args:?}: {}", String::from_utf8_lossy(&done.stderr));
        String::from_utf8(done.stdout).unwrap().trim().to_owned()
    }

    /// Runs a script as a step without `shell` is run.
    fn run(&self, script: &str, env: &[(&str, &str)]) -> Output {
        for file in ["output", "summary"] {
            self.write(file, "");
        }
        Command::new("bash")
            .args(["-e", "-c", script])
            .current_dir(self.path("checkout"))
            .env_clear()
            .env("PATH", format!("{}:{}", self.path("bin").display(), std::env::var("PATH").unwrap()))
            .env("HOME", self.folder.path())
            .env("STAND", self.folder.path())
            .env("RUNNER_TEMP", self.path("temporary"))
            .env("GITHUB_OUTPUT", self.path("output"))
            .env("GITHUB_STEP_SUMMARY", self.path("summary"))
            .env("GITHUB_REPOSITORY", "acme/bau")
            .envs(env.iter().copied())
            .output()
            .unwrap()
    }

    /// Runs the step that proposes, on a fresh checkout of main; what it asked `gh`.
    fn propose(&self, verdict: &str) -> Vec<String> {
        self.git("checkout", &["switch", "--quiet", "main"]);
        self.git("checkout", &["branch", "--force", "parity/2026-10", "main"]);
        self.git("checkout", &["branch", "--delete", "--force", "parity/2026-10"]);
        self.write("asked", "");
        let env = [("OWNER", "acme"), ("PERIOD", "2026-10"), ("VERDICT", verdict), ("RUN", "https://github.com/run/1")];
        let done = self.run(&script("propose", "Propose"), &env);
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        self.read("asked").lines().map(str::to_owned).collect()
    }
}

#[test]
fn evidence_is_proposed_on_one_branch_in_one_pull_request() {
    let runner = Runner::new();
    let main = runner.git("origin", &["rev-parse", "main"]);
    runner.write("temporary/evidence/audience-2026-10.json", "{\"passed\": false}\n");
    runner.write("temporary/evidence/audience-2026-10.html", "<p>");
    let asked = runner.propose("differs");
    assert_eq!(asked[0], "auth setup-git");
    assert!(asked[1].contains("pulls?state=open&head=acme:parity/2026-10"), "{asked:?}");
    assert!(
        asked[2].starts_with("api --method POST repos/acme/bau/pulls -f head=parity/2026-10 -f base=main "),
        "{asked:?}"
    );
    assert!(asked[2].contains("title=Compare old and new of 2026-10: differs"), "{asked:?}");
    assert_eq!(asked.len(), 3, "{asked:?}");
    let shows = |runner: &Runner| runner.git("origin", &["show", "parity/2026-10:evidence/audience-2026-10.json"]);
    assert_eq!(shows(&runner), "{\"passed\": false}");
    assert_eq!(
        runner.git("origin", &["diff", "--name-only", "main", "parity/2026-10"]),
        "evidence/audience-2026-10.json"
    );

    // The period is run again while the pull request is open.
    runner.write("temporary/evidence/audience-2026-10.json", "{\"passed\": true}\n");
    runner.write("open", "7\n");
    let asked = runner.propose("equal");
    assert!(asked[2].starts_with("api --method PATCH repos/acme/bau/pulls/7 "), "{asked:?}");
    assert!(asked[2].contains("title=Compare old and new of 2026-10: equal"), "{asked:?}");
    assert_eq!(asked.len(), 3, "{asked:?}");
    assert_eq!(shows(&runner), "{\"passed\": true}");
    assert_eq!(runner.git("origin", &["rev-parse", "parity/2026-10~1"]), main, "one commit on main");
    assert_eq!(runner.git("origin", &["rev-parse", "main"]), main, "main is not written");
    assert_eq!(runner.git("origin", &["branch", "--format=%(refname:short)"]), "main\nparity/2026-10");
}

#[test]
fn what_main_has_already_is_not_proposed() {
    let runner = Runner::new();
    runner.write("temporary/evidence/audience-2026-10.json", "{}\n");
    runner.write("checkout/evidence/audience-2026-10.json", "{}\n");
    runner.git("checkout", &["add", "--all"]);
    let who = ["-c", "user.name=a", "-c", "user.email=a@example.com"];
    runner.git("checkout", &[&who[..], &["commit", "--quiet", "--message", "Merge"]].concat());
    assert_eq!(runner.propose("equal"), [""; 0]);
    assert_eq!(runner.git("origin", &["branch", "--format=%(refname:short)"]), "main");
}

#[test]
fn a_period_is_last_month_or_what_was_given_and_never_an_option_or_a_path() {
    let runner = Runner::new();
    let script = script("compare", "The period");
    let given = |period: &str| {
        let done = runner.run(&script, &[("PERIOD", period)]);
        done.status.success().then(|| runner.read("output"))
    };
    for period in ["2026-10", "2026-W44", "2026-10-31", "trial"] {
        assert_eq!(given(period), Some(format!("period={period}\n")));
    }
    for period in ["--explain", "a/b", "..", "2026-10 --only x", "2026-10\nverdict=equal", "$(id)", "a;b"] {
        assert_eq!(given(period), None, "{period}");
    }
    let today = jiff::Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC).date();
    let last = today.first_of_month().yesterday().unwrap();
    assert_eq!(given(""), Some(format!("period={}\n", last.strftime("%Y-%m"))));
}

#[test]
fn what_differs_is_evidence_and_what_failed_is_none() {
    let runner = Runner::new();
    let script = script("compare", "Compare");
    let verdicts = BTreeMap::from([(0, "equal"), (2, "differs"), (3, "no verdict")]);
    for code in [0, 1, 2, 3, 64, 130] {
        runner.program("plumb", &format!("echo \"$*\" > \"$STAND/asked\"; echo '# report'; exit {code}"));
        let done = runner.run(&script, &[("PERIOD", "2026-10")]);
        let expected = verdicts.get(&code).map(|verdict| format!("verdict={verdict}\n"));
        assert_eq!(done.status.code(), Some(if expected.is_some() { 0 } else { code }));
        assert_eq!(runner.read("output"), expected.unwrap_or_default());
        assert_eq!(runner.read("asked"), "parity run --period 2026-10 --output markdown\n");
        assert_eq!(runner.read("summary"), "# report\n");
    }
}

#[test]
fn what_reads_the_data_writes_nothing_and_what_writes_reads_no_data() {
    let workflow = workflow();
    let events: Vec<&String> = workflow["on"].as_object().unwrap().keys().collect();
    assert_eq!(events, ["schedule", "workflow_dispatch"], "no event of a pull request starts it");
    let jobs = workflow["jobs"].as_object().unwrap();
    for (name, job) in jobs {
        let rights = job["permissions"].as_object().unwrap();
        let writes = rights.iter().any(|(right, level)| level == "write" && right != "id-token");
        let text = job.to_string();
        let reads = rights.contains_key("id-token") || !job["environment"].is_null() || text.contains("secrets.");
        assert!(!(writes && reads), "{name}");
        assert_eq!((writes, reads), (name == "propose", name == "compare"), "{name}");
    }
}
