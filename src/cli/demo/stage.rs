//! Where the story plays: a folder, a repository in it, an emulated workspace, and the real command line.

use super::page::StoryPage;
use crate::cli::embedded;
use crate::engines::find::{self, DuckdbPlaces};
use crate::engines::setup;
use crate::services::{Emr, http};
use crate::settings;
use crate::ui::{Failure, Ui};
use git2::{IndexAddOption, Repository, RepositoryInitOptions, Signature, Time};
use jiff::{Timestamp, civil::Date, tz::TimeZone};
use plumb_core::manifest::Target;
use plumb_model::call::Service;
use plumb_sandbox::Running;
use plumb_sandbox::airflow::{self, Access};
use serde_json::{Value, json};
use std::cell::{Cell, RefCell};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

/// The job that was made by hand, and that the story takes over.
pub const BY_HAND: u64 = 710_001;
/// Jobs that are nobody's business here: one has no mark, one has another project's.
pub const BYSTANDERS: [u64; 2] = [710_002, 710_003];
/// How often the clock is moved on while something is waited for.
const BLINK: Duration = Duration::from_millis(60);
/// What signs in to the emulator, where any token does.
const TOKEN: &str = "demo";
/// Midnight of the first of April 2024, in seconds since 1970: commits have fixed times, so that their ids are the same
/// in every run.
const FIRST_DAY: i64 = 1_711_929_600;

/// Everything that a step works with.
pub struct Stage<'a> {
    pub page: StoryPage<'a>,
    exe: PathBuf,
    folder: PathBuf,
    sandbox: Running,
    http: reqwest::Client,
    emr: Emr,
    bystanders: Vec<Value>,
    commits: Cell<i64>,
    /// The day before the first commit.
    first_day: Cell<i64>,
    proofs: Cell<usize>,
    /// Where duckdb is looked for, and put.
    pub places: DuckdbPlaces,
    /// The program, once it was found.
    duckdb: RefCell<Option<PathBuf>>,
    /// Whether time is played: commands then get the sandbox's.
    plays: Cell<bool>,
}

/// What a command came to.
pub struct Ran {
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl<'a> Stage<'a> {
    /// Sets the stage in an empty folder. `exe` is the program that the story runs.
    pub async fn set(exe: &Path, folder: &Path, ui: &'a Ui) -> Result<Stage<'a>, Failure> {
        let seed = json!({ "jobs": [by_hand(), of_others(BYSTANDERS[0], None), of_others(BYSTANDERS[1], Some("other"))], "emr": "monthly" });
        let options = plumb_sandbox::SandboxOptions {
            seed: Some(seed),
            state: Some(folder.join("sandbox.json")),
            airflow: Some(airflow::AirflowOptions {
                dags: Some(folder.join("dags")),
                access: Access { token: Some(TOKEN.to_owned()), ..Access::default() },
                ..airflow::AirflowOptions::default()
            }),
            emr: Some(plumb_sandbox::emr::EmrOptions::default()),
            ..plumb_sandbox::SandboxOptions::default()
        };
        std::fs::create_dir_all(folder.join("dags")).map_err(|e| failed("the DAG folder", &e))?;
        let sandbox = plumb_sandbox::start(options).await.map_err(|e| failed("the sandbox cannot start", &e))?;
        let http = http::client(true).map_err(|e| failed("the sandbox cannot be asked", &e))?;
        let emr = embedded::emr(&sandbox, &Target::default(), None)?;
        let mut stage = Stage {
            page: StoryPage::new(ui),
            exe: exe.to_owned(),
            folder: folder.to_owned(),
            sandbox,
            http,
            emr,
            bystanders: Vec::new(),
            commits: Cell::new(0),
            first_day: Cell::new(FIRST_DAY),
            proofs: Cell::new(0),
            places: DuckdbPlaces::of_environment(),
            duckdb: RefCell::new(None),
            plays: Cell::new(false),
        };
        stage.write("../home/.databrickscfg", &format!("[demo]\nhost = {}\ntoken = {TOKEN}\n", stage.url()))?;
        let mut options = RepositoryInitOptions::new();
        options.initial_head("main").external_template(false);
        Repository::init_opts(stage.repository(), &options).map_err(|e| failed("git", &e))?;
        for id in BYSTANDERS {
            let job = stage.job(id).await?;
            stage.bystanders.push(job);
        }
        Ok(stage)
    }

    /// The address of the emulated workspace.
    pub fn url(&self) -> String {
        self.sandbox.url()
    }

    /// The address of the emulated Airflow.
    pub fn airflow(&self) -> String {
        self.sandbox.airflow_url().unwrap_or_default()
    }

    /// The text of a file in the folder that Airflow reads its DAGs from.
    pub fn dag_file(&self, name: &str) -> Result<String, Failure> {
        std::fs::read_to_string(self.folder.join("dags").join(name)).map_err(|e| failed(name, &e))
    }

    /// The folder of the repository.
    pub fn repository(&self) -> PathBuf {
        self.folder.join("project")
    }

    /// Asks EMR, without showing it.
    pub async fn emr(&self, operation: &str, body: Value) -> Result<Value, Failure> {
        Ok(self
            .emr
            .send(&plumb_core::kinds::emr::api::operation(operation, body))
            .await
            .map_err(|e| failed("the emulated EMR", &e))?
            .body)
    }

    /// The text of a file of the repository.
    pub fn read(&self, path: &str) -> Result<String, Failure> {
        std::fs::read_to_string(self.repository().join(path)).map_err(|e| failed(path, &e))
    }

    /// Writes a file of the repository.
    pub fn write(&self, path: &str, text: &str) -> Result<(), Failure> {
        let file = self.repository().join(path);
        let dir = file.parent().unwrap_or(&self.folder);
        std::fs::create_dir_all(dir)
            .and_then(|()| std::fs::create_dir_all(self.repository()))
            .and_then(|()| std::fs::write(&file, text))
            .map_err(|e| failed(&file.display().to_string(), &e))
    }

    /// Removes a file of the repository.
    pub fn remove(&self, path: &str) -> Result<(), Failure> {
        std::fs::remove_file(self.repository().join(path)).map_err(|e| failed(path, &e))
    }

    /// Has the first commits be of the last days: who tells of since when something is looks at them.
    pub fn begin_lately(&self) {
        self.first_day.set(Timestamp::now().as_second() - 14 * 86_400);
    }

    /// Commits everything, as somebody, and answers the commit's first 12 characters.
    pub fn commit(&self, author: &str, message: &str) -> Result<String, Failure> {
        let id = self.commit_quietly(author, message)?;
        self.page.commit(&id, author, message)?;
        Ok(id)
    }

    /// The same, without a word.
    pub fn commit_quietly(&self, author: &str, message: &str) -> Result<String, Failure> {
        self.commits.set(self.commits.get() + 1);
        let when = self.first_day.get() + 86_400 * self.commits.get();
        self.try_commit(author, message, when).map_err(|e| failed("git", &e))
    }

    /// The same as `commit`, at the sandbox's time.
    pub async fn commit_now(&self, author: &str, message: &str) -> Result<String, Failure> {
        let now = self.now().await?.as_second();
        let id = self.try_commit(author, message, now).map_err(|e| failed("git", &e))?;
        self.page.commit(&id, author, message)?;
        Ok(id)
    }

    fn try_commit(&self, author: &str, message: &str, when: i64) -> Result<String, git2::Error> {
        let repo = Repository::open(self.repository())?;
        let mut index = repo.index()?;
        index.add_all(["*"], IndexAddOption::DEFAULT, None)?;
        index.update_all(["*"], None)?;
        index.write()?;
        let tree = repo.find_tree(index.write_tree()?)?;
        let mail = author.split(' ').next().unwrap_or(author).to_lowercase();
        let when = Time::new(when, 0);
        let who = Signature::new(author, &format!("{mail}@example.com"), &when)?;
        let parent = repo.head().ok().map(|head| head.peel_to_commit()).transpose()?;
        let parents: Vec<&git2::Commit<'_>> = parent.iter().collect();
        let id = repo.commit(Some("HEAD"), &who, &who, message, &tree, &parents)?;
        Ok(id.to_string().chars().take(12).collect())
    }

    /// Finds the duckdb program or installs it, for the commands that follow. Where the user has no cache, it goes into the
    /// folder of the story. The inner error says why there is none.
    pub async fn find_duckdb(&self) -> Result<Result<(), String>, Failure> {
        let mut places = self.places.clone();
        places.cache.get_or_insert_with(|| self.folder.join("cache"));
        if find::find(&places).is_err() {
            self.page.instead("installing duckdb with pip, once")?;
        }
        let found = tokio::task::spawn_blocking(move || setup::ensure(&places)).await;
        let found = found.map_err(|e| failed("duckdb", &e))?;
        Ok(found.map(|program| drop(self.duckdb.replace(Some(program.path)))))
    }

    /// Whether it was found.
    pub fn has_duckdb(&self) -> bool {
        self.duckdb.borrow().is_some()
    }

    /// Runs `plumb` in the repository, and shows the command line and all that it printed.
    pub async fn plumb(&self, args: &[&str]) -> Result<Ran, Failure> {
        self.page.command(&format!("plumb {}", args.join(" ")))?;
        let ran = self.run(args, self.page.colour()).await?;
        self.page.output(&ran.out)?;
        self.page.output(&ran.err)?;
        Ok(ran)
    }

    /// Runs `plumb` in the repository, and shows the command line and what of its output tells the story.
    pub async fn plumb_briefly(&self, args: &[&str]) -> Result<Ran, Failure> {
        self.page.command_next(&format!("plumb {}", args.join(" ")))?;
        let ran = self.run(args, self.page.colour()).await?;
        self.page.essence(&ran.out)?;
        self.page.essence(&told(&ran.err))?;
        Ok(ran)
    }

    /// Runs `plumb apply`, whose plan was shown before, and shows what was done.
    pub async fn apply_briefly(&self) -> Result<(), Failure> {
        let args = ["apply", "--target", "demo", "--yes"];
        self.page.command_next(&format!("plumb {}", args.join(" ")))?;
        let ran = self.run(&args, self.page.colour()).await?;
        self.page.essence(&told(&ran.err))?;
        ran.exits(0)
    }

    /// Runs `plumb apply`, whose plan was shown before: only the progress is shown.
    pub async fn apply(&self) -> Result<(), Failure> {
        self.apply_with(&[]).await
    }

    /// The same with further options.
    pub async fn apply_with(&self, options: &[&str]) -> Result<(), Failure> {
        let args = [&["apply", "--target", "demo", "--yes"], options].concat();
        self.page.command(&format!("plumb {}", args.join(" ")))?;
        let ran = self.run(&args, self.page.colour()).await?;
        self.page.instead(&format!("the plan, {} lines", ran.out.lines().count()))?;
        self.page.output(&ran.err)?;
        ran.exits(0)
    }

    /// Runs `plumb apply` without showing it.
    pub async fn apply_quietly(&self) -> Result<(), Failure> {
        self.quietly(&["apply", "--target", "demo", "--yes"]).await?.exits(0)
    }

    /// Runs `plumb` without showing it.
    pub async fn quietly(&self, args: &[&str]) -> Result<Ran, Failure> {
        self.run(args, false).await
    }

    async fn run(&self, args: &[&str], colour: bool) -> Result<Ran, Failure> {
        let mut command = tokio::process::Command::new(&self.exe);
        // Nothing of the caller's environment, so none of their credentials, proxies or settings of git.
        command
            .args(args)
            .args(["--color", if colour { "always" } else { "never" }])
            .current_dir(self.repository())
            .env_clear()
            .env("HOME", self.folder.join("home"))
            .env("PLUMB_USER", "ann")
            .env("AIRFLOW_URL", self.airflow())
            .env("AIRFLOW_USERNAME", "plumb")
            .env("AIRFLOW_PASSWORD", TOKEN)
            .env("AWS_ENDPOINT_URL", self.sandbox.emr_url().unwrap_or_default())
            .env("AWS_ACCESS_KEY_ID", plumb_sandbox::emr::KEY)
            .env("AWS_SECRET_ACCESS_KEY", plumb_sandbox::emr::SECRET)
            .env("COLUMNS", self.page.width().to_string())
            .stdin(Stdio::null())
            .kill_on_drop(true);
        if self.plays.get() {
            command.env("PLUMB_NOW", self.now().await?.to_string());
        }
        if let Some(duckdb) = &*self.duckdb.borrow() {
            command.env("PLUMB_DUCKDB", duckdb).env("TMPDIR", &self.folder);
        }
        // Without it Windows opens no socket.
        if let Some(root) = settings::env("SystemRoot") {
            command.env("SystemRoot", root).env("USERPROFILE", self.folder.join("home"));
        }
        let done = command.output().await.map_err(|e| failed(&self.exe.display().to_string(), &e))?;
        Ok(Ran {
            code: done.status.code().unwrap_or(-1),
            out: String::from_utf8_lossy(&done.stdout).into_owned(),
            err: String::from_utf8_lossy(&done.stderr).into_owned(),
        })
    }

    /// The sandbox's time, in whole seconds.
    pub async fn now(&self) -> Result<Timestamp, Failure> {
        let ms = self.ask("/_sandbox/clock").await?["now_ms"].as_i64().unwrap_or_default();
        Timestamp::from_second(ms / 1000).map_err(|e| failed("the clock", &e))
    }

    /// Lets seconds pass on the sandbox's clock. From then on commands get its time.
    pub async fn pass(&self, seconds: i64) -> Result<Value, Failure> {
        self.plays.set(true);
        self.post("/_sandbox/clock", &json!({ "advance_seconds": seconds })).await
    }

    /// Lets time pass until noon of a day, and says so.
    pub async fn until(&self, day: Date) -> Result<(), Failure> {
        // Noon is no tick of anything here.
        let then = TimeZone::UTC.to_zoned(day.at(12, 0, 0, 0)).map_err(|e| failed("the clock", &e))?.timestamp();
        let seconds = then.as_second() - self.now().await?.as_second();
        self.page.instead(&format!("time passes, until {}", then.strftime("%-d %b %Y, %H:%M UTC")))?;
        self.pass(seconds).await.map(drop)
    }

    /// Waits for something while the sandbox's clock runs, an hour each blink.
    pub async fn while_time_passes<T>(&self, what: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
        let mut what = std::pin::pin!(what);
        loop {
            tokio::select! {
                done = &mut what => return done,
                () = tokio::time::sleep(BLINK) => drop(self.post("/_sandbox/clock", &json!({ "advance_seconds": 600 })).await?),
            }
        }
    }

    /// The names of the files in a folder of the repository.
    pub fn files(&self, folder: &str) -> Result<Vec<String>, Failure> {
        let entries = std::fs::read_dir(self.repository().join(folder)).map_err(|e| failed(folder, &e))?;
        Ok(entries.flatten().filter_map(|entry| entry.file_name().into_string().ok()).collect())
    }

    /// The plan, as programs read it.
    pub async fn plan(&self, command: &str) -> Result<Value, Failure> {
        let ran = self.quietly(&[command, "--target", "demo", "--output", "json"]).await?;
        serde_json::from_str(&ran.out).map_err(|e| failed(&format!("`plumb {command}` printed no JSON"), &e))
    }

    /// Asks the workspace, without showing it.
    pub async fn ask(&self, path: &str) -> Result<Value, Failure> {
        self.send(self.http.get(format!("{}{path}", self.url()))).await
    }

    /// Asks Airflow, without showing it.
    pub async fn ask_airflow(&self, path: &str) -> Result<Value, Failure> {
        self.send(self.http.get(format!("{}{path}", self.airflow()))).await
    }

    /// A job as the workspace shows it.
    pub async fn job(&self, id: u64) -> Result<Value, Failure> {
        self.ask(&format!("/api/2.2/jobs/get?job_id={id}")).await
    }

    /// Sends a request that changes something, without showing it.
    pub async fn post(&self, path: &str, body: &Value) -> Result<Value, Failure> {
        self.send(self.http.post(format!("{}{path}", self.url())).json(body)).await
    }

    /// Replaces something whole, without showing it.
    pub async fn put(&self, path: &str, body: &Value) -> Result<Value, Failure> {
        self.send(self.http.put(format!("{}{path}", self.url())).json(body)).await
    }

    async fn send(&self, request: reqwest::RequestBuilder) -> Result<Value, Failure> {
        let answer = request.bearer_auth(TOKEN).send().await.and_then(reqwest::Response::error_for_status);
        let answer = answer.map_err(|e| failed("the sandbox", &e))?;
        answer.json().await.map_err(|e| failed("the sandbox", &e))
    }

    /// The requests that were sent since the log was last read: method and path.
    pub async fn requests(&self) -> Result<Vec<(String, String)>, Failure> {
        let log = self.ask("/_sandbox/requests").await?;
        self.send(self.http.delete(format!("{}/_sandbox/requests", self.url()))).await?;
        let text = |v: &Value| v.as_str().unwrap_or_default().to_owned();
        Ok(log.as_array().into_iter().flatten().map(|e| (text(&e["method"]), text(&e["path"]))).collect())
    }

    /// Checks that what belongs to others is as it was.
    pub async fn others_untouched(&self) -> Result<(), Failure> {
        for (id, before) in BYSTANDERS.into_iter().zip(&self.bystanders) {
            must(self.job(id).await? == *before, || format!("job {id}, which belongs to others, changed"))?;
        }
        Ok(())
    }

    /// Counts a fact that was checked before and is not worth a line.
    pub fn held(&self) {
        self.proofs.set(self.proofs.get() + 1);
    }

    /// Says what was proven: the facts were checked before.
    pub fn proven(&self, text: &str) -> Result<(), Failure> {
        self.proofs.set(self.proofs.get() + 1);
        self.page.proven(text)
    }

    /// How many facts were proven.
    pub fn proofs(&self) -> usize {
        self.proofs.get()
    }

    /// Ends the emulator.
    pub async fn strike(self) -> Result<(), Failure> {
        self.sandbox.stop().await.map_err(Failure::error)
    }
}

impl Ran {
    /// Checks the exit code.
    pub fn exits(&self, code: i32) -> Result<(), Failure> {
        must(self.code == code, || format!("it exited with {}, not with {code}", self.code))
            .map_err(|f| f.detail(self.err.clone()))
    }
}

/// What a command said on stderr without what it read and what has only begun.
fn told(err: &str) -> String {
    let is_said =
        |line: &&str| !line.starts_with("read ") && !line.split(' ').next().is_some_and(|word| word.ends_with("ing"));
    err.lines().filter(is_said).map(|line| format!("{line}\n")).collect()
}

/// Checks a fact.
pub fn must(holds: bool, why: impl FnOnce() -> String) -> Result<(), Failure> {
    if holds { Ok(()) } else { Err(Failure::error(why())) }
}

fn failed(what: &str, why: &dyn std::error::Error) -> Failure {
    Failure::error(format!("{what}: {why}"))
}

/// The job that somebody made in the UI: much like the manifest of later, but not quite.
fn by_hand() -> Value {
    let task = |key: &str, after: &str| {
        let mut task = json!({
            "task_key": key,
            "job_cluster_key": "main",
            "notebook_task": {
                "notebook_path": format!("/Workspace/Shared/bau-insights/cleanse/{key}"),
                "base_parameters": { "month": "{{job.parameters.month}}" },
            },
        });
        if !after.is_empty() {
            task["depends_on"] = json!([{ "task_key": after }]);
        }
        task
    };
    json!({
        "job_id": BY_HAND,
        "creator_user_name": "carol@example.com",
        "name": "[bau] audience cleanse",
        "description": "Checks last month's raw events, drops duplicates and bot traffic.",
        "timeout_seconds": 3600,
        "parameters": [{ "name": "month", "default": "2024-05" }],
        "email_notifications": { "on_failure": ["data-platform@example.com"] },
        "tasks": [task("check_input", ""), task("deduplicate", "check_input"), task("drop_bots", "deduplicate")],
        "job_clusters": [{
            "job_cluster_key": "main",
            "new_cluster": { "spark_version": "15.4.x-scala2.12", "node_type_id": "r6id.xlarge", "num_workers": 1 },
        }],
    })
}

/// A job that the project has nothing to do with.
fn of_others(id: u64, project: Option<&str>) -> Value {
    let mut job = json!({
        "job_id": id,
        "creator_user_name": "dave@example.com",
        "name": format!("nightly export {id}"),
        "tasks": [{
            "task_key": "export",
            "notebook_task": { "notebook_path": "/Shared/export" },
            "existing_cluster_id": "0401-000000-someones",
        }],
    });
    if let Some(project) = project {
        job["tags"] = json!({
            "plumb": format!("{project}/prod/DatabricksJob/export"),
            "plumb_rev": "0123456789ab-01234567",
        });
    }
    job
}
