//! What most commands begin with: the manifests, the repository, the services, what is live, and the decision.

use super::embedded::{self, Emulator};
use super::select::selection;
use super::time::day;
use super::{Global, Selected, Targeted, emr, reading, select};
use crate::disk::Disk;
use crate::explain::{History, Known};
use crate::git::Repo;
use crate::services::databricks::{AuthError, Config, Explicit, profile_path};
use crate::services::{Airflow, DagFiles, Databricks, Services, airflow};
use crate::ui::{ExitCode, Failure, Ui};
use crate::{observe, settings};
use plumb_core::kinds::{Kind, Mark, Role};
use plumb_core::manifest::{Desired, Request, Source};
use plumb_core::plan::teardown::{Commits, Evidence};
use plumb_core::plan::{Bases, Decision, Earlier, Input, Keys, Live, Selection, decide};
use plumb_core::{kinds, manifest, render};
use plumb_model::address::Address;
use plumb_model::call::{Fault, System};
use plumb_model::secrets::Vault;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

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
}

impl Project {
    /// Reads the project. Every mistake is reported, and nothing is sent anywhere.
    pub fn load(global: &Global, targeted: &Targeted, ui: &Ui) -> Result<Project, Failure> {
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
            manifest::load(source, &request(targeted, repo.as_ref()), kinds::all())
        })?;
        let desired = loaded.map_err(|failure| problems(&failure, ui))?;
        let mut project =
            Project { dir, desired, repo, head: None, branch: None, dirty: true, targeted: targeted.clone() };
        project.read_head(ui);
        Ok(project)
    }

    /// The names of project and target, also when the manifests have mistakes.
    pub fn names(global: &Global, targeted: &Targeted) -> Option<(String, String)> {
        let dir = settings::project_dir(global.project.as_deref()).ok()?;
        let repo = Repo::open(&dir).ok().and_then(|repo| at(repo, targeted).ok()).flatten();
        let names = |source: &dyn Source| manifest::names(source, &request(targeted, None), kinds::all());
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

    /// Reads other texts of the same files the way that these were read.
    pub fn reload(&self, source: &dyn Source) -> Result<Desired, manifest::Failure> {
        manifest::load(source, &request(&self.targeted, self.repo.as_ref()), kinds::all())
    }

    /// Reads other texts as `validate` would, once these environment variables are listed and set.
    pub fn try_out(&self, mut texts: BTreeMap<String, Vec<u8>>, env: &[String]) -> Result<Desired, manifest::Failure> {
        if let Some(listed) = texts.get(manifest::PROJECT_FILE).and_then(|text| with_env(text, env)) {
            texts.insert(manifest::PROJECT_FILE.to_owned(), listed);
        }
        let known = |name: &str| match env.iter().any(|one| one == name) {
            true => Some(format!("a value of {name}")),
            false => settings::env(name),
        };
        let request = Request { env: &known, ..request(&self.targeted, self.repo.as_ref()) };
        manifest::load(&manifest::InMemory(texts), &request, kinds::all())
    }

    /// Earlier manifests, read the way that these were.
    fn history<R>(&self, repo: &Repo, ask: impl FnOnce(&History<'_>) -> R) -> R {
        let load =
            |source: &dyn Source| manifest::load_earlier(source, &request(&self.targeted, Some(repo)), kinds::all());
        ask(&History { repo, paths: &self.paths(), load: &load })
    }

    /// The kinds that the project manages.
    pub fn kinds(&self) -> Vec<&'static dyn Kind> {
        let chosen = self.desired.project.kinds.as_ref();
        let is_asked_for = |k: &&'static dyn Kind| match k.role() {
            Role::Object => true,
            // What others made is looked at only where a manifest is about it. Whatever else is of EMR goes after its clusters.
            Role::Ladder => self
                .desired
                .resources
                .iter()
                .any(|r| r.kind.name() == k.name() || (r.kind.role() == Role::Ladder && k.name() == "EmrCluster")),
            Role::Tie => false,
        };
        kinds::all()
            .iter()
            .copied()
            .filter(is_asked_for)
            .filter(|k| chosen.is_none_or(|names| names.iter().any(|n| n == k.name())))
            .collect()
    }

    /// The reports of comparisons that the repository has: `evidence/*.json`.
    fn evidence(&self) -> Result<Evidence, Failure> {
        if self.desired.resources.iter().all(|r| r.kind.role() != Role::Ladder) {
            return Ok(Evidence::default());
        }
        if let (Some(repo), Some(_)) = (&self.repo, &self.targeted.at) {
            let files = repo.files_of("HEAD").and_then(|files| files.folder("evidence", ".json"));
            let files = files.map_err(|e| Failure::error(format!("evidence/: {e}")).hint("nothing was changed"))?;
            return Ok(Evidence::parse(files));
        }
        let failed = |e: String| Failure::error(format!("evidence/: {e}")).hint("nothing was changed");
        let disk = Disk::new(&self.dir).map_err(|e| failed(e.to_string()))?;
        let files = disk.files("evidence", ".json").map_err(failed)?;
        Ok(Evidence::read(files.into_iter().map(|file| (file.path.clone(), disk.text(&file)))))
    }

    /// Which of the commits that marks for teardown name the repository has.
    fn commits(&self, live: &Live) -> Commits {
        let Some(repo) = &self.repo else { return Commits::NoRepository };
        let of_teardowns =
            live.kinds.iter().filter(|(kind, _)| kinds::find(kind).is_some_and(|k| k.role() == Role::Ladder));
        let marks = of_teardowns.flat_map(|(_, found)| found).filter_map(|found| found.mark.as_ref()?.rev.as_ref());
        let named: BTreeSet<&str> = marks.map(|rev| rev.commit.as_str()).collect();
        let known = named.into_iter().filter(|commit| repo.has_commit(commit)).map(str::to_owned).collect();
        Commits::Repository { known, shallow: repo.is_shallow() }
    }

    /// Who works here, for what is written on things that others made.
    fn who(&self) -> String {
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

    /// Connects to the target's services.
    pub async fn connect(self, ui: &Ui) -> Result<Session, Failure> {
        let target = &self.desired.target;
        if target.sandbox {
            let (services, running) = embedded::start(&self.dir, target).await?;
            ui.detail(&running.describe(target));
            let absent = Vec::new();
            return Ok(Session {
                project: self,
                services,
                absent,
                workspace: None,
                key: false,
                _sandbox: Some(running),
            });
        }
        let optional = target.databricks.is_none()
            && (target.airflow.is_some() || target.emr.is_some())
            && self.desired.resources.iter().all(|r| r.kind.system() != System::Databricks);
        let (mut services, workspace) = self.databricks(optional, ui)?;
        let mut absent = Vec::new();
        if let Some(airflow) = &target.airflow {
            let explicit = airflow::Explicit { url: airflow.url.clone(), api: airflow.api.clone() };
            let failed = |e: airflow::ConfigError| Failure::error(format!("target {}: {e}", target.name));
            let config = airflow::Config::resolve(&settings::env, &explicit).map_err(failed)?;
            ui.detail(&format!("the Airflow of target {} is {}, as {}", target.name, config.url, config.describe()));
            services = services.with_airflow(Airflow::new(config).map_err(failed)?);
            let files = match &airflow.dags {
                Some(place) => {
                    ui.detail(&format!("its DAG files are in {place}"));
                    let opened = DagFiles::open(place, &self.dir, settings::env);
                    opened.map_err(|e| Failure::error(format!("target {}: {e}", target.name)))?
                }
                None => {
                    absent.push(System::DagFiles);
                    DagFiles::none()
                }
            };
            services = services.with_dag_files(files);
        }
        if self.desired.resources.iter().any(|r| r.kind.role() == Role::Ladder) && target.emr.is_some() {
            let emr = emr::account(target)?;
            ui.detail(&format!("the EMR of target {} is in {}", target.name, emr.region()));
            let requests = emr.requests();
            services = services.with(System::Emr, Arc::new(emr), requests);
        }
        Ok(Session { services, absent, workspace, key: false, _sandbox: None, project: self })
    }

    /// The target's Databricks workspace and what to call it, where it has one.
    pub async fn workspace(&self, ui: &Ui) -> Result<Option<(Services, String, Option<Emulator>)>, Failure> {
        let target = &self.desired.target;
        if target.sandbox {
            let (services, running) = embedded::start(&self.dir, target).await?;
            return Ok(Some((services, "the embedded sandbox".to_owned(), Some(running))));
        }
        let (services, workspace) = self.databricks(target.databricks.is_none(), ui)?;
        Ok(workspace.map(|workspace| (services, workspace, None)))
    }

    /// The target's Databricks workspace, and how messages call it. A target that names an Airflow and no workspace needs
    /// none, unless a manifest does.
    fn databricks(&self, optional: bool, ui: &Ui) -> Result<(Services, Option<String>), Failure> {
        let target = &self.desired.target;
        let named = target.databricks.clone().unwrap_or_default();
        let explicit = Explicit { host: named.host, profile: named.profile };
        let profiles = profile_path(&settings::env).and_then(|path| std::fs::read_to_string(path).ok());
        match Config::resolve(&settings::env, profiles.as_deref(), explicit) {
            Ok(config) => {
                let workspace = format!("{}, signed in by {}", config.host.url, config.describe(None));
                ui.detail(&format!("target {} is {workspace}", target.name));
                Ok((services(config)?, Some(workspace)))
            }
            Err(AuthError::NoHost) if optional => {
                ui.detail(&format!("target {} has no Databricks workspace", target.name));
                Ok((Services::default(), None))
            }
            Err(e) => Err(Failure::error(format!("target {}: {e}", target.name))),
        }
    }
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

fn services(config: Config) -> Result<Services, Failure> {
    let databricks = Databricks::new(config).map_err(|e| Failure::error(e.to_string()))?;
    Ok(Services::default().with_databricks(databricks))
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
    ask: impl FnOnce(&dyn Source) -> T,
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
pub fn request<'a>(targeted: &Targeted, repo: Option<&Repo>) -> Request<'a> {
    Request {
        target: targeted.target.clone(),
        variables: targeted.vars.iter().cloned().collect(),
        env: if targeted.sealed { &|_| None } else { &settings::env },
        user: settings::user(repo.and_then(Repo::user)),
    }
}

/// The mistakes, laid out.
pub fn problems(failure: &manifest::Failure, ui: &Ui) -> Failure {
    if let Some(usage) = usage(failure) {
        return usage;
    }
    let text = render::problems(&failure.files, &failure.problems, ui.colours_stderr());
    Failure::new(ExitCode::Error, "the manifests have mistakes; nothing was sent").detail(text)
}

/// What is wrong with the command line, when the manifests have no mistakes.
pub fn usage(failure: &manifest::Failure) -> Option<Failure> {
    let problems = failure.usage()?;
    let messages: Vec<&str> = problems.iter().map(|p| p.message.as_str()).collect();
    let hints = problems.iter().filter_map(|p| p.help.clone());
    Some(hints.fold(Failure::usage(messages.join("; ")), Failure::hint))
}

/// A project and its services.
pub struct Session {
    pub project: Project,
    pub services: Services,
    /// Systems that are read as empty because the target does not have them.
    absent: Vec<System>,
    /// Whether what is due may be taken down.
    key: bool,
    /// Which workspace it is, and how it is signed in to. `None` for the embedded sandbox.
    workspace: Option<String>,
    /// Kept running for as long as the session.
    _sandbox: Option<Emulator>,
}

/// A plan and all that it was made of.
pub struct Decided {
    pub live: Live,
    pub decision: Decision,
}

impl Session {
    /// Loads, connects.
    pub async fn open(global: &Global, targeted: &Targeted, ui: &Ui) -> Result<Session, Failure> {
        Project::load(global, targeted, ui)?.connect(ui).await
    }

    /// Gives the second key: what is due is taken down.
    pub fn allow_teardown(&mut self, allow: bool) {
        self.key = allow;
    }

    /// The kinds that the project manages and the target has the systems for.
    fn kinds(&self) -> Vec<&'static dyn Kind> {
        self.project.kinds().into_iter().filter(|kind| self.services.serve(*kind)).collect()
    }

    /// Reads what is live.
    pub async fn observe(&self, selection: &Selection, ui: &Ui) -> Result<Live, Failure> {
        reading::counted_of(&self.services, ui, async |watch| self.read(selection, watch).await).await
    }

    async fn read(&self, selection: &Selection, watch: &dyn observe::Watch) -> Result<Live, Failure> {
        let live = observe::observe(&self.services, &self.kinds(), &self.project.desired, selection, watch).await;
        let evidence = self.project.evidence()?;
        let workspace = self.services.workspace_id();
        let whole = |live| Live { evidence, commits: self.project.commits(&live), workspace, ..live };
        live.map(whole).map_err(|fault| self.unread(&fault))
    }

    /// Reads what the listings show, and which kinds a service refuses to list.
    pub async fn listed(&self, ui: &Ui) -> Result<(Live, observe::Refused), Failure> {
        let kinds = self.kinds();
        let read = async |watch: &reading::Watching<'_>| observe::listed(&self.services, &kinds, watch).await;
        reading::counted_of(&self.services, ui, read).await.map_err(|fault| self.unread(&fault))
    }

    fn unread(&self, fault: &Fault) -> Failure {
        let failure = Failure::error(format!("reading what is live failed: {fault}")).hint("nothing was changed");
        match &self.workspace {
            Some(workspace) => failure.hint(format!("the workspace is {workspace}")),
            None => failure,
        }
    }

    /// Reads what is live, and decides. With `base`, differences are told apart by that revision.
    pub async fn decide(&self, selected: &Selected, base: Option<&str>, ui: &Ui) -> Result<Decided, Failure> {
        let selection = selection(selected);
        select::check(&selection, &self.project.desired.resources, ui)?;
        self.check_base(base)?;
        let (live, first) = reading::counted_of(&self.services, ui, async |watch| {
            let mut live = self.read(&selection, watch).await?;
            let first = self.decision(&live, &Bases::new(), &selection, None);
            observe::activity(&self.services, &mut live, &first.plan).await;
            Ok::<_, Failure>((live, first))
        })
        .await?;
        let known = self.known(&live, &first, base)?;
        let mut decision = self.decision(&live, &known.bases, &selection, base);
        decision.plan.notes.extend(known.notes);
        if let Some(repo) = &self.project.repo {
            self.project.history(repo, |history| history.blame(&mut decision.plan, &known.commits));
        }
        Ok(Decided { live, decision })
    }

    fn known(&self, live: &Live, first: &Decision, base: Option<&str>) -> Result<Known, Failure> {
        match (&self.project.repo, base) {
            (None, _) => Ok(Known::default()),
            (Some(repo), None) => Ok(self.project.history(repo, |history| history.at_marks(live, first))),
            (Some(repo), Some(rev)) => {
                let resources = self.project.desired.resources.iter().map(|r| r.address.clone());
                let addresses: Vec<_> = resources.chain(first.plan.changes.iter().map(|c| c.address.clone())).collect();
                self.project
                    .history(repo, |history| {
                        let mut known = history.at(rev, &addresses)?;
                        // What is live was applied from the mark's commit, which may have had secrets that the base has not.
                        known.bases.hide_like(&history.at_marks(live, first).bases);
                        Ok(known)
                    })
                    .map_err(|e: String| Failure::error(format!("--base {rev}: {e}")).hint("nothing was sent"))
            }
        }
    }

    /// A revision that is not there is better known before anything is read.
    fn check_base(&self, base: Option<&str>) -> Result<(), Failure> {
        match (&self.project.repo, base) {
            (_, None) => Ok(()),
            (None, Some(rev)) => Err(Failure::error(format!("--base {rev}: this is no git repository"))),
            (Some(repo), Some(rev)) => repo.resolve(rev).map(drop).map_err(|e| Failure::error(format!("--base: {e}"))),
        }
    }

    /// Decides by other texts of the same files, against what was live.
    pub fn decide_by(&self, live: &Live, bases: &Bases, source: &dyn Source) -> Result<(Desired, Decision), String> {
        let desired = self.project.reload(source).map_err(|failure| {
            let first = failure.problems.first().map(|p| p.message.clone()).unwrap_or_default();
            format!("the manifests would have mistakes: {first}")
        })?;
        let decision = self.decision_of(&desired, live, bases, &Selection::default(), None);
        Ok((desired, decision))
    }

    /// What of live objects of an address is a secret by the manifests that they were made from.
    pub fn earlier<'m>(&self, address: &'m Address, marks: impl Iterator<Item = &'m Mark>, vault: &Vault) -> Earlier {
        let of = |history: &History<'_>| history.of_marks(marks.map(|mark| (address, mark))).bases;
        let bases = self.project.repo.as_ref().map(|repo| self.project.history(repo, of)).unwrap_or_default();
        bases.hiding(address, vault)
    }

    /// What is known of earlier manifests, to tell who changed what.
    pub fn bases(&self, live: &Live) -> Result<Bases, Failure> {
        // Of a plan that is explained already, git would be asked nothing.
        let first = self.decision(live, &Bases::new(), &Selection::default(), None);
        Ok(self.known(live, &first, None)?.bases)
    }

    fn decision(&self, live: &Live, bases: &Bases, selection: &Selection, base: Option<&str>) -> Decision {
        self.decision_of(&self.project.desired, live, bases, selection, base)
    }

    fn decision_of(
        &self,
        desired: &Desired,
        live: &Live,
        bases: &Bases,
        selection: &Selection,
        base: Option<&str>,
    ) -> Decision {
        let now = jiff::Timestamp::now();
        decide(&Input {
            desired,
            live,
            bases,
            selection,
            head: self.project.head.as_deref(),
            base,
            today: day(now),
            now,
            teardown: Keys { who: &self.project.who(), key: self.key },
            kinds: &self.kinds(),
            approval_key: settings::approval_key().as_deref(),
            absent: &self.absent,
        })
    }
}
