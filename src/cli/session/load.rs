//! Loading a project: its manifests, its repository, and who works on it.

use crate::cli::{Global, Targeted};
use crate::disk::Disk;
use crate::explain::History;
use crate::git::{Repo, WalkedFiles};
use crate::observe;
use crate::settings;
use crate::ui::{ExitCode, Failure, Ui};
use plumb_core::code::CodeBytes;
use plumb_core::cost::facts::{KeptFiles, RUNS_FOLDER};
use plumb_core::cutover::Wave;
use plumb_core::kinds::{Kind, Role};
use plumb_core::manifest::{Desired, GivenVariables, ManifestSource, OnceDeclared, Request};
use plumb_core::plan::{Commit, Live};
use plumb_core::teardown::{Commits, Evidence};
use plumb_core::{kinds, manifest, render};
use plumb_model::address::Address;
use plumb_model::limits::Pace;
use plumb_model::schema;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// How many commits of the branch are looked back for manifests that are gone. What one of them made and no apply took away
/// since is found by `spec.kinds` and `databricks.catalogs`.
const MOST_COMMITS: usize = 1000;

/// The manifests of one target, and where they came from.
pub struct Project {
    pub dir: PathBuf,
    pub desired: Desired,
    pub repo: Option<Repo>,
    /// The commit that the manifests were read at, `-dirty` added when files differ from it.
    pub head: Option<String>,
    pub branch: Option<String>,
    pub dirty: bool,
    pub targeted: Targeted,
    /// How fast the services are asked, where `--pace` says so.
    pub pace: Option<Pace>,
}

impl Project {
    /// Reads the project, for a command that goes on to send something. Every mistake is reported, and that nothing was sent.
    pub fn load(global: &Global, targeted: &Targeted, ui: &Ui) -> Result<Project, Failure> {
        Project::load_as(global, targeted, None, ui).map_err(|failure| match failure.message.as_str() {
            MISTAKES => Failure { message: format!("{MISTAKES}; nothing was sent"), ..failure },
            _ => failure,
        })
    }

    /// Reads the project, for a command that never sends anything; with a user of another name where nobody knows who works
    /// here, if one is given.
    pub fn load_as(global: &Global, targeted: &Targeted, stand_in: Option<&str>, ui: &Ui) -> Result<Project, Failure> {
        let dir = settings::project_dir(global.project.as_deref())
            .map_err(|e| Failure::error(e).hint("`plumb init` writes one"))?;
        let repo = match Repo::open(&dir) {
            Ok(repo) => at(repo, targeted)?,
            Err(e) if targeted.at.is_some() => return Err(Failure::error(e.to_string())),
            Err(e) => {
                ui.warn(&format!("going on without git: {e}"));
                None
            }
        };
        let loaded = with_source(&dir, repo.as_ref(), targeted, |source| {
            manifest::load(source, &request_as(targeted, repo.as_ref(), stand_in), kinds::all())
        })?;
        let desired = loaded.map_err(|failure| problems(&failure, ui))?;
        let (targeted, pace) = (targeted.clone(), global.pace);
        let mut project = Project { dir, desired, repo, head: None, branch: None, dirty: true, targeted, pace };
        project.read_head(ui);
        Ok(project)
    }

    /// The names of project and target, also when the manifests have mistakes.
    pub fn names(global: &Global, targeted: &Targeted) -> Option<(String, String)> {
        let dir = settings::project_dir(global.project.as_deref()).ok()?;
        let repo = Repo::open(&dir).ok().and_then(|repo| at(repo, targeted).ok()).flatten();
        let names = |source: &dyn ManifestSource| manifest::names(source, &request(targeted, None), kinds::all());
        with_source(&dir, repo.as_ref(), targeted, names).ok()?
    }

    fn read_head(&mut self, ui: &Ui) {
        let Some(repo) = &self.repo else { return };
        match repo.head(&self.paths()) {
            Ok(Some(head)) => {
                self.head = Some(if head.dirty { format!("{}-dirty", head.short) } else { head.short });
                self.branch = head.branch;
                self.dirty = head.dirty;
            }
            Ok(None) => {}
            Err(e) => ui.warn(&format!("the commit cannot be told: {e}")),
        }
    }

    /// The files and folders that hold the manifests, as plumb.yaml has them.
    pub fn manifests(&self) -> Vec<String> {
        self.desired.project.manifests.clone().unwrap_or_else(|| vec!["manifests".into()])
    }

    /// The paths that the manifests come from.
    pub fn paths(&self) -> Vec<String> {
        let manifests = self.manifests();
        let patches = self.desired.target.patches.clone();
        ["plumb.yaml".to_owned()].into_iter().chain(manifests).chain(patches).collect()
    }

    /// The texts of every file that the manifests come from.
    pub fn texts(&self) -> Result<BTreeMap<String, Vec<u8>>, Failure> {
        let failed = |e: String| Failure::error(e).hint("nothing was written");
        let disk = Disk::new(&self.dir).map_err(|e| failed(e.to_string()))?;
        let mut texts = BTreeMap::new();
        for path in self.paths() {
            // As the paths of the files that were loaded begin. What cannot be tidied was refused then.
            let path = manifest::tidy(&path).unwrap_or(path);
            for found in disk.list(&path).map_err(failed)? {
                texts.insert(found.path.clone(), disk.read(&found.path).map_err(failed)?);
            }
        }
        Ok(texts)
    }

    /// Where the bytes of the code are that is uploaded: on disk. What is read at a commit is never applied.
    pub fn code_bytes(&self) -> Option<Arc<dyn CodeBytes>> {
        if self.targeted.at.is_some() {
            return None;
        }
        Some(Arc::new(Disk::new(&self.dir).ok()?))
    }

    /// Reads other texts of the same files the way that these were read, with the code that is there.
    pub fn reload(&self, texts: BTreeMap<String, Vec<u8>>) -> Result<Desired, manifest::Failure> {
        self.load_texts(texts, &request(&self.targeted, self.repo.as_ref()))
    }

    fn load_texts(
        &self,
        texts: BTreeMap<String, Vec<u8>>,
        request: &Request<'_>,
    ) -> Result<Desired, manifest::Failure> {
        let manifests = manifest::InMemory(texts);
        let load = |source: &dyn ManifestSource| manifest::load(source, request, kinds::all());
        let with_code = |code: &dyn ManifestSource| load(&manifest::OtherTexts { manifests: manifests.clone(), code });
        // Where no code can be read, those that name some say so.
        with_source(&self.dir, self.repo.as_ref(), &self.targeted, with_code).unwrap_or_else(|_| load(&manifests))
    }

    /// Reads other texts as `validate` would, once these environment variables are listed and set.
    pub fn try_out(&self, mut texts: BTreeMap<String, Vec<u8>>, env: &[String]) -> Result<Desired, manifest::Failure> {
        if let Some(listed) = texts.get(manifest::PROJECT_FILE).and_then(|text| with_env(text, env)) {
            texts.insert(manifest::PROJECT_FILE.to_owned(), listed);
        }
        let known = |name: &str| {
            if env.iter().any(|one| one == name) { Some(format!("a value of {name}")) } else { settings::env(name) }
        };
        let request = Request { env: &known, ..request(&self.targeted, self.repo.as_ref()) };
        self.load_texts(texts, &request)
    }

    /// Earlier manifests, read the way that these were.
    pub(super) fn history<R>(&self, repo: &Repo, ask: impl FnOnce(&History<'_>) -> R) -> R {
        let load = |source: &dyn ManifestSource| {
            manifest::load_earlier(source, &request(&self.targeted, Some(repo)), kinds::all())
        };
        ask(&History { repo, paths: &self.paths(), load: &load })
    }

    /// The kinds that the project manages and that a plan reads: [`Desired::reads`].
    pub fn kinds(&self) -> Vec<&'static dyn Kind> {
        self.all_kinds().into_iter().filter(|kind| self.desired.reads(*kind)).collect()
    }

    /// Learns from git where there once were manifests of kinds that are not always read: what the last of them made is found so.
    pub(super) fn look_back(&mut self) {
        let Some(repo) = &self.repo else { return };
        let paths: Vec<String> =
            self.manifests().into_iter().map(|path| manifest::tidy(&path).unwrap_or(path)).collect();
        let files = WalkedFiles {
            paths: &paths,
            is_wanted: &manifest::is_yaml,
            read: &|_, text| OnceDeclared::of_text(text),
            without_first: true,
        };
        let (mut once, mut commits) = (OnceDeclared::default(), 0);
        let walked = repo.walk_files(&files, &mut |step| {
            step.changed.iter().filter_map(|(_, text)| text.as_ref()).for_each(|text| once.add(text));
            commits += 1;
            commits < MOST_COMMITS
        });
        // What a repository does not tell is looked for where the manifests are, as in one without git.
        if walked.is_ok() {
            self.desired.once = once;
        }
    }

    /// The kinds that the project manages, whether it has manifests of them or not.
    pub fn all_kinds(&self) -> Vec<&'static dyn Kind> {
        let chosen = self.desired.project.kinds.as_ref();
        let is_asked_for = |k: &&'static dyn Kind| match k.role() {
            Role::Object => true,
            // What others made is looked at only where a manifest is about it, or about something that goes after it.
            Role::Teardown => self.desired.resources.iter().filter_map(|r| Some((r, r.teardown.as_ref()?))).any(
                |(resource, teardown)| {
                    let after = teardown.kind.goes_after().map(|after| after.kind);
                    resource.kind.name() == k.name() || after == Some(k.name())
                },
            ),
            Role::Relation => false,
        };
        kinds::all()
            .iter()
            .copied()
            .filter(is_asked_for)
            .filter(|k| chosen.is_none_or(|names| names.iter().any(|n| n == k.name())))
            .collect()
    }

    /// The reports of comparisons that the repository has: `evidence/*.json`.
    pub(super) fn evidence(&self) -> Result<Evidence, Failure> {
        if self.desired.resources.iter().all(|r| r.teardown.is_none()) {
            return Ok(Evidence::default());
        }
        let key = settings::evidence_key();
        if let (Some(repo), Some(_)) = (&self.repo, &self.targeted.at) {
            let files = repo.files_of("HEAD").and_then(|files| files.folder("evidence", ".json"));
            let files = files.map_err(|e| Failure::error(format!("evidence/: {e}")).hint("nothing was changed"))?;
            return Ok(Evidence::parse(files, key.as_deref()));
        }
        let failed = |e: String| Failure::error(format!("evidence/: {e}")).hint("nothing was changed");
        let disk = Disk::new(&self.dir).map_err(|e| failed(e.to_string()))?;
        let files = disk.files("evidence", ".json").map_err(failed)?;
        Ok(Evidence::read(files.into_iter().map(|file| (file.path.clone(), disk.text(&file))), key.as_deref()))
    }

    /// The facts of runs that the repository has: `evidence/runs/*.json`, of all targets. Files that are none are in the answer.
    pub fn kept_runs(&self) -> Result<KeptFiles, Failure> {
        let failed = |e: String| Failure::error(format!("{RUNS_FOLDER}/: {e}")).hint("nothing was changed");
        if let (Some(repo), Some(_)) = (&self.repo, &self.targeted.at) {
            let files = repo.files_of("HEAD").and_then(|files| files.folder(RUNS_FOLDER, ".json"));
            let files = files.map_err(|e| failed(e.to_string()))?;
            return Ok(KeptFiles::read(files.into_iter().map(|(path, text)| (path, Ok(text)))));
        }
        let disk = Disk::new(&self.dir).map_err(|e| failed(e.to_string()))?;
        kept_runs_in(&disk, RUNS_FOLDER).map_err(failed)
    }

    /// Which of the commits that marks for teardown name the repository has.
    pub(super) fn commits(&self, live: &Live) -> Commits {
        let Some(repo) = &self.repo else { return Commits::NoRepository };
        let of_teardowns = live.kinds.iter().filter(|(kind, _)| kinds::teardown::find(kind).is_some());
        let marks = of_teardowns.flat_map(|(_, found)| found).filter_map(|found| found.mark.as_ref()?.rev.as_ref());
        let named: BTreeSet<&str> = marks.map(|rev| rev.commit.as_str()).collect();
        let known = named.into_iter().filter(|commit| repo.has_commit(commit)).map(str::to_owned).collect();
        Commits::Repository { known, shallow: repo.is_shallow() }
    }

    /// The commit that brought the `cutover` of each migration of the waves whose day has come and that are asked for, where git
    /// can tell.
    pub fn cutover_commits(
        &self,
        now: jiff::Timestamp,
        is_asked: impl Fn(&Wave<'_>) -> bool,
    ) -> Vec<(Address, Commit)> {
        let Some(repo) = &self.repo else { return Vec::new() };
        let reached = observe::waves::reached(&self.desired, now);
        let members = reached.iter().filter(|(wave, _)| is_asked(wave)).flat_map(|(wave, _)| &wave.members);
        let lines: Vec<(&Address, &str, usize)> = members
            .map(|member| {
                let span = member.resource.locate(&schema::Path::default().key("cutover"));
                let file = &self.desired.files.get(span.file).path;
                (&member.resource.address, file.as_str(), self.desired.files.position(span).0)
            })
            .collect();
        // What is cut over depends on the answer: no budget cuts it short.
        let blames = repo.blame(lines.iter().map(|(_, file, line)| (*file, *line)), &|| false);
        let commit = |file: &str, line: usize| blames.of(file, line).cloned();
        lines.into_iter().filter_map(|(address, file, line)| Some((address.clone(), commit(file, line)?))).collect()
    }

    /// The days of these commits, of the waves that are not cut over, by the addresses of the migrations.
    pub(super) fn committed(&self, live: &Live, now: jiff::Timestamp) -> BTreeMap<String, jiff::civil::Date> {
        let is_open = |wave: &Wave<'_>| !observe::waves::is_over(live, &self.desired, wave);
        let commits = self.cutover_commits(now, is_open).into_iter();
        commits.filter_map(|(address, commit)| Some((address.to_string(), commit.date.parse().ok()?))).collect()
    }

    /// Who works here, for what is written on things that others made.
    pub fn who(&self) -> String {
        let git = self.repo.as_ref().and_then(Repo::user);
        settings::run().who.or(settings::user(git)).unwrap_or_else(|| "somebody".into())
    }

    /// Hides every secret of the environment that the project names, although no manifest may use one: those of a fork
    /// see nothing of the environment, and what is live may have it.
    pub fn hide_environment(&mut self) {
        for secret in self.desired.project.env.iter().filter_map(|name| settings::env(name)) {
            self.desired.vault.seal_everywhere(&secret);
        }
    }
}

/// The facts of runs in a folder of a project.
///
/// # Errors
/// It cannot be listed.
pub fn kept_runs_in(disk: &Disk, folder: &str) -> Result<KeptFiles, String> {
    let files = disk.files(folder, ".json")?;
    Ok(KeptFiles::read(files.into_iter().map(|file| (file.path.clone(), disk.text(&file)))))
}

/// The project file with more names under `spec.env`. `None` when it has them all.
fn with_env(text: &[u8], env: &[String]) -> Option<Vec<u8>> {
    let mut project: serde_json::Value = serde_yaml::from_slice(text).ok().filter(|_| !env.is_empty())?;
    let list = project.get_mut("spec")?.as_object_mut()?.entry("env").or_insert_with(|| serde_json::json!([]));
    let list = list.as_array_mut()?;
    for name in env {
        if list.iter().all(|known| known != name) {
            list.push(name.as_str().into());
        }
    }
    serde_json::to_vec(&project).ok()
}

/// The repository, seen at the commit that the manifests are to be read from.
pub fn at(repo: Option<Repo>, targeted: &Targeted) -> Result<Option<Repo>, Failure> {
    let Some(rev) = &targeted.at else { return Ok(repo) };
    let repo = repo.ok_or_else(|| Failure::error(format!("--at {rev}: this is no git repository")))?;
    repo.at(rev).map(Some).map_err(|e| Failure::error(format!("--at: {e}")).hint("nothing was sent"))
}

/// Asks the place that the manifests are read from: the project's folder, or the commit that `repo` is seen at.
pub fn with_source<T>(
    dir: &Path,
    repo: Option<&Repo>,
    targeted: &Targeted,
    ask: impl FnOnce(&dyn ManifestSource) -> T,
) -> Result<T, Failure> {
    match (repo, &targeted.at) {
        (Some(repo), Some(rev)) => {
            let files = repo.files_of("HEAD").map_err(|e| Failure::error(format!("--at {rev}: {e}")))?;
            Ok(ask(&files))
        }
        _ => {
            let disk = Disk::new(dir).map_err(|e| Failure::error(format!("{}: {e}", dir.display())))?;
            Ok(ask(&disk))
        }
    }
}

/// What loading needs to know beside the files.
fn request<'a>(targeted: &Targeted, repo: Option<&Repo>) -> Request<'a> {
    Request {
        target: targeted.target.clone(),
        variables: GivenVariables { files: targeted.var_files.clone(), pairs: targeted.vars.iter().cloned().collect() },
        env: if targeted.sealed { &|_| None } else { &settings::env },
        user: settings::user(repo.and_then(Repo::user)),
    }
}

/// The same with a user of another name where nobody knows who works here.
pub fn request_as<'a>(targeted: &Targeted, repo: Option<&Repo>, stand_in: Option<&str>) -> Request<'a> {
    let request = request(targeted, repo);
    let user = request.user.or_else(|| stand_in.map(str::to_owned));
    Request { user, ..request }
}

/// What a command ends with whose manifests have mistakes.
const MISTAKES: &str = "the manifests have mistakes";

/// The mistakes, laid out.
pub fn problems(failure: &manifest::Failure, ui: &Ui) -> Failure {
    if let Some(usage) = usage(failure) {
        return usage;
    }
    let text = render::problems(&failure.files, &failure.problems, ui.stderr_style());
    Failure::new(ExitCode::Error, MISTAKES).detail(text)
}

/// What is wrong with the command line, when the manifests have no mistakes.
pub fn usage(failure: &manifest::Failure) -> Option<Failure> {
    let problems = failure.usage()?;
    let messages: Vec<&str> = problems.iter().map(|p| p.message.as_str()).collect();
    let hints = problems.iter().filter_map(|p| p.help.clone());
    Some(hints.fold(Failure::usage(messages.join("; ")), Failure::hint))
}
