//! The life of a pull request, played with the real binary on git repositories, the embedded sandbox, and a double of GitHub.

use crate::github;
use crate::world;
mod advance;
mod forks;
mod hostile;
mod life;
mod saved;

use github::{GitHub, REPOSITORY, Rights};
use serde_json::json;
use world::{Ran, World, job};

/// A `GITHUB_TOKEN`. It must never be seen again.
const TOKEN: &str = "ghs_0123456789abcdef_never_to_be_seen";

/// A world with a code host: `main` has a job that is applied, and pull request 7 is about to change it.
struct Host {
    world: World,
    github: GitHub,
}

impl Host {
    fn new() -> Host {
        Host::of(World::new())
    }

    fn of(mut world: World) -> Host {
        let github = GitHub::start();
        github.actions(TOKEN, Rights::Write);
        for (name, value) in [
            ("GITHUB_ACTIONS", "true"),
            ("GITHUB_REPOSITORY", REPOSITORY),
            ("GITHUB_SERVER_URL", "https://github.com"),
            ("GITHUB_RUN_ID", "42"),
            ("GITHUB_TOKEN", TOKEN),
        ] {
            world.env(name, Some(value));
        }
        world.env("GITHUB_API_URL", Some(&github.url));
        let dir = world.home().parent().unwrap().to_owned();
        for (name, file) in [("GITHUB_OUTPUT", "output"), ("GITHUB_STEP_SUMMARY", "summary")] {
            world.env(name, Some(dir.join(file).to_str().unwrap()));
        }
        world.commit_file("manifests/etl.yaml", &job("etl", "  timeout_seconds: 100\n"), "Add etl");
        world.plumb("apply --yes -q").code(0);
        Host { world, github }
    }

    fn head(&self) -> String {
        self.world.git(&["rev-parse", "HEAD"])
    }

    /// A branch with the timeout raised to so much.
    fn branch(&self, timeout: u32) {
        self.world.git(&["checkout", "--quiet", "-B", "feature", "main"]);
        self.world.commit_file("manifests/etl.yaml", &job("etl", &format!("  timeout_seconds: {timeout}\n")), "Raise");
    }

    /// Opens pull request 7 from what is checked out.
    fn open(&self, from: &str) {
        self.github.open_pull(7, &self.head(), from);
        self.event();
    }

    /// More commits on its branch.
    fn push(&self) {
        self.github.push(7, &self.head());
        self.event();
    }

    /// The event of pull request 7, as the runner has it in a file.
    fn event(&self) {
        self.event_of(7);
    }

    fn event_of(&self, number: u64) {
        let pull = self.github.store().pulls[&number].clone();
        let event = json!({ "action": "synchronize", "number": number, "pull_request": pull });
        std::fs::write(self.file("event.json"), event.to_string()).unwrap();
    }

    fn file(&self, name: &str) -> std::path::PathBuf {
        self.world.home().parent().unwrap().join(name)
    }

    /// The step's outputs and summary since the last look.
    fn step(&self, name: &str) -> String {
        let text = std::fs::read_to_string(self.file(name)).unwrap_or_default();
        let _ = std::fs::remove_file(self.file(name));
        text
    }

    /// `plumb ci plan` in the job of pull request 7.
    fn preview(&mut self, more: &str) -> Ran {
        let event = self.file("event.json");
        self.world.env("GITHUB_EVENT_PATH", Some(event.to_str().unwrap()));
        self.world.env("GITHUB_EVENT_NAME", Some("pull_request"));
        self.ran(&format!("ci plan --base main {more}"))
    }

    /// Merges pull request 7 with a commit of its own.
    fn merge(&self) {
        self.world.git(&["checkout", "--quiet", "main"]);
        self.world.git(&["merge", "--quiet", "--no-ff", "--message", "Merge pull request #7", "feature"]);
        self.github.merge(7, &self.head());
    }

    /// `plumb ci apply` in the job of the push to main.
    fn apply(&mut self, more: &str) -> Ran {
        let event = json!({ "ref": "refs/heads/main", "after": self.head() });
        std::fs::write(self.file("push.json"), event.to_string()).unwrap();
        let path = self.file("push.json");
        self.world.env("GITHUB_EVENT_PATH", Some(path.to_str().unwrap()));
        self.world.env("GITHUB_EVENT_NAME", Some("push"));
        let sha = self.head();
        self.github.know(&sha);
        self.world.env("GITHUB_SHA", Some(&sha));
        let ran = self.ran(&format!("ci apply {more}"));
        self.world.env("GITHUB_SHA", None);
        ran
    }

    /// `plumb ci apply` in a run of the schedule.
    fn scheduled(&mut self) -> Ran {
        self.world.env("GITHUB_EVENT_PATH", None);
        self.world.env("GITHUB_EVENT_NAME", Some("schedule"));
        let sha = self.head();
        self.github.know(&sha);
        self.world.env("GITHUB_SHA", Some(&sha));
        let ran = self.ran("ci apply");
        self.world.env("GITHUB_SHA", None);
        ran
    }

    fn ran(&self, arguments: &str) -> Ran {
        let ran = self.world.plumb(arguments);
        assert!(!ran.out.contains(TOKEN) && !ran.err.contains(TOKEN), "the token is in:\n{}", ran.shown);
        ran
    }

    /// The one comment of the pull request that is plumb's own.
    #[track_caller]
    fn comment(&self) -> String {
        let own = self.github.comments(7).into_iter().filter(|(who, _)| who == "github-actions[bot]");
        let own: Vec<String> = own.map(|(_, text)| text).collect();
        assert_eq!(own.len(), 1, "{own:#?}");
        assert!(own[0].len() <= 60_000);
        own[0].clone()
    }

    fn timeout(&self) -> i64 {
        self.world.sandbox.job("etl")["settings"]["timeout_seconds"].as_i64().unwrap()
    }

    /// The plan's digest, out of the step's outputs.
    fn digest(&self) -> String {
        let outputs = self.step("output");
        let digest =
            outputs.lines().find_map(|line| line.strip_prefix("digest=")).unwrap_or_else(|| panic!("{outputs}"));
        digest.to_owned()
    }
}
