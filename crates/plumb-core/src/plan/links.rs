//! Where what a plan speaks of can be looked at: addresses of a forge, a workspace, an Airflow.
//!
//! Each begins with what the environment or the target says, and of manifests and live objects it has ids, paths and line
//! numbers only, percent-encoded: nothing that somebody else wrote can lead elsewhere.

use super::{Change, Commit, SourceLine};
use crate::kinds::{self, Kind};
use plumb_model::call::System;

/// Where things can be looked at; `None` where nobody knows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PlanLinks {
    /// The page of the run that made the plan.
    pub run: Option<String>,
    /// Where the repository is, and which commit the manifests were read at.
    pub repository: Option<RepositoryPages>,
    /// The Databricks workspace.
    pub workspace: Option<WorkspacePages>,
    /// The web server of the Airflow: `https://airflow.example.com/prod`.
    pub airflow: Option<String>,
    /// The region of the EMR.
    pub emr: Option<String>,
}

/// A repository on a forge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RepositoryPages {
    pub forge: Forge,
    /// `https://github.com/acme/data`.
    pub address: String,
    /// The whole id of the commit that the manifests were read at; `None` where files differ from it.
    pub commit: Option<String>,
}

/// How a forge names its pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Forge {
    GitHub,
    GitLab,
}

/// A Databricks workspace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorkspacePages {
    /// `https://adb-1.azuredatabricks.net`.
    pub host: String,
    /// Its id, where it says so.
    pub id: Option<String>,
}

impl RepositoryPages {
    /// The line of a file as it was read.
    pub fn line(&self, source: &SourceLine) -> Option<String> {
        let commit = self.commit.as_deref().filter(|commit| is_commit(commit))?;
        let file: Option<Vec<String>> = source.file.split('/').map(segment).collect();
        Some(format!("{}/blob/{commit}/{}#L{}", self.base(), file?.join("/"), source.line))
    }

    /// A commit.
    pub fn commit(&self, commit: &Commit) -> Option<String> {
        self.commit_of(&commit.id)
    }

    /// A commit by its id, which may be shortened.
    pub fn commit_of(&self, id: &str) -> Option<String> {
        is_commit(id).then(|| format!("{}/commit/{id}", self.base()))
    }

    /// Both forges have the same pages; GitLab's stand below `/-` (docs.gitlab.com, "Project URLs"; docs.github.com, "Getting
    /// permanent links to files").
    fn base(&self) -> String {
        let between = match self.forge {
            Forge::GitHub => "",
            Forge::GitLab => "/-",
        };
        format!("{}{between}", self.address.trim_end_matches('/'))
    }
}

impl PlanLinks {
    /// The page of a change's live object.
    pub fn object(&self, change: &Change) -> Option<String> {
        self.live(kinds::find(&change.address.kind)?, change.id.as_deref()?)
    }

    /// The page of a live object, where objects of its kind have pages.
    pub fn live(&self, kind: &dyn Kind, id: &str) -> Option<String> {
        let page = kind.page()?;
        let parts = kind.page_parts(id).into_iter().map(segment).collect::<Option<Vec<_>>>()?;
        let id = parts.join("/");
        match kind.system() {
            System::Databricks => {
                let workspace = self.workspace.as_ref()?;
                Some(format!("{}/{page}/{id}{}", workspace.host.trim_end_matches('/'), workspace.query()))
            }
            System::Airflow | System::DagFiles => {
                Some(format!("{}/{page}/{id}", self.airflow.as_deref()?.trim_end_matches('/')))
            }
            System::Emr => {
                let region = segment(self.emr.as_deref()?)?;
                Some(format!("https://{}/emr/home?region={region}#/{page}/{id}", console(&region)))
            }
            System::GitHub => None,
        }
    }

    /// The page of a job's run, for when the service does not say it itself.
    pub fn job_run(&self, kind: &dyn Kind, job_id: &str, run_id: u64) -> Option<String> {
        let job = self.live(kind, job_id)?;
        let (page, query) = job.split_once('?').map_or((job.as_str(), String::new()), |(p, q)| (p, format!("?{q}")));
        Some(format!("{page}/runs/{run_id}{query}"))
    }
}

/// The host of AWS' console in the partition of a region (apache/airflow, `providers/amazon/aws/links/base_aws.py`,
/// `get_aws_domain` of botocore's partitions).
fn console(region: &str) -> &'static str {
    if region.starts_with("cn-") {
        "console.amazonaws.cn"
    } else if region.starts_with("us-gov-") {
        "console.amazonaws-us-gov.com"
    } else {
        "console.aws.amazon.com"
    }
}

impl WorkspacePages {
    /// `?o=ID`, by which one address that several workspaces have finds this one. Where the host's name has the id it is left
    /// out, as Databricks' CLI does (databricks/cli, `bundle/config/mutator/initialize_urls.go`).
    fn query(&self) -> String {
        let is_number = |id: &&String| !id.is_empty() && id.bytes().all(|b| b.is_ascii_digit());
        let id = self.id.as_ref().filter(is_number).filter(|id| !self.host.contains(id.as_str()));
        id.map(|id| format!("?o={id}")).unwrap_or_default()
    }
}

/// Whether the text is the id of a commit, whole or shortened.
fn is_commit(id: &str) -> bool {
    (7..=64).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_hexdigit())
}

/// One part of a path, in which nothing but letters, digits and `-._~` stands for itself. `None` for what would lead to
/// another folder.
fn segment(text: &str) -> Option<String> {
    if matches!(text, "" | "." | "..") {
        return None;
    }
    let mut out = String::new();
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => out.push(char::from(byte)),
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Action;
    use plumb_model::address::Address;

    fn change(kind: &str, id: Option<&str>) -> Change {
        let address = Address { kind: kind.into(), name: "a".into() };
        Change { id: id.map(str::to_owned), ..Change::new(address, Action::Update) }
    }

    fn links(host: &str, id: Option<&str>) -> PlanLinks {
        let workspace = WorkspacePages { host: host.into(), id: id.map(str::to_owned) };
        PlanLinks {
            workspace: Some(workspace),
            airflow: Some("https://airflow.example/prod/".into()),
            ..PlanLinks::default()
        }
    }

    #[test]
    fn each_kind_has_its_page() {
        let host = "https://acme.cloud.databricks.com";
        let all = links(host, Some("42"));
        for (kind, id, page) in [
            ("DatabricksJob", "620178", Some("https://acme.cloud.databricks.com/jobs/620178?o=42")),
            ("DatabricksCluster", "0101-a", Some("https://acme.cloud.databricks.com/compute/clusters/0101-a?o=42")),
            (
                "DatabricksInstancePool",
                "p-1",
                Some("https://acme.cloud.databricks.com/compute/instance-pools/p-1?o=42"),
            ),
            (
                "DatabricksClusterPolicy",
                "AB12",
                Some("https://acme.cloud.databricks.com/setting/clusters/cluster-policies/view/AB12?o=42"),
            ),
            ("AirflowDag", "daily sales", Some("https://airflow.example/prod/dags/daily%20sales")),
            ("AirflowVariable", "v", None),
            ("EmrCluster", "j-1", None),
            ("Unheard", "1", None),
            // Nothing of an id leaves its place.
            ("DatabricksJob", "../x?y#z", Some("https://acme.cloud.databricks.com/jobs/..%2Fx%3Fy%23z?o=42")),
            ("DatabricksJob", "..", None),
            ("DatabricksJob", "", None),
        ] {
            assert_eq!(all.object(&change(kind, Some(id))).as_deref(), page, "{kind} {id}");
        }
        assert_eq!(all.object(&change("DatabricksJob", None)), None, "what is not there yet has no page");
        assert_eq!(PlanLinks::default().object(&change("DatabricksJob", Some("1"))), None);
    }

    #[test]
    fn a_cluster_of_emr_is_in_the_console_of_its_partition() {
        let page = |region: &str| {
            let links = PlanLinks { emr: Some(region.into()), ..PlanLinks::default() };
            links.object(&change("EmrCluster", Some("j-1A")))
        };
        for (region, host) in [
            ("eu-central-1", "console.aws.amazon.com"),
            ("cn-north-1", "console.amazonaws.cn"),
            ("us-gov-west-1", "console.amazonaws-us-gov.com"),
        ] {
            let expected = format!("https://{host}/emr/home?region={region}#/clusterDetails/j-1A");
            assert_eq!(page(region), Some(expected));
        }
        assert_eq!(
            page("x/../y#"),
            Some("https://console.aws.amazon.com/emr/home?region=x%2F..%2Fy%23#/clusterDetails/j-1A".into())
        );
    }

    #[test]
    fn a_run_is_below_its_job_and_before_the_workspace() {
        let job = kinds::find("DatabricksJob").unwrap();
        let page = |id| links("https://acme.databricks.com", id).job_run(job, "1", 7);
        assert_eq!(page(Some("42")).as_deref(), Some("https://acme.databricks.com/jobs/1/runs/7?o=42"));
        assert_eq!(page(None).as_deref(), Some("https://acme.databricks.com/jobs/1/runs/7"));
    }

    #[test]
    fn the_workspace_is_named_where_its_host_does_not() {
        let job = change("DatabricksJob", Some("1"));
        for (host, id, page) in [
            ("https://adb-42.7.azuredatabricks.net", Some("42"), "https://adb-42.7.azuredatabricks.net/jobs/1"),
            ("https://acme.databricks.com", Some("42"), "https://acme.databricks.com/jobs/1?o=42"),
            ("https://acme.databricks.com", None, "https://acme.databricks.com/jobs/1"),
            ("https://acme.databricks.com", Some("4&x=1"), "https://acme.databricks.com/jobs/1"),
        ] {
            assert_eq!(links(host, id).object(&job).as_deref(), Some(page));
        }
    }

    #[test]
    fn lines_and_commits_have_pages_on_both_forges() {
        let head = "3f2a91c0b1d23f2a91c0b1d23f2a91c0b1d2aaaa";
        let source = |file: &str| SourceLine { file: file.into(), line: 14, nearest: false, commit: None };
        let pages = |forge, commit: Option<&str>| RepositoryPages {
            forge,
            address: "https://forge.example/acme/data/".into(),
            commit: commit.map(str::to_owned),
        };
        let github = pages(Forge::GitHub, Some(head));
        let gitlab = pages(Forge::GitLab, Some(head));
        assert_eq!(
            github.line(&source("manifests/a b#.yaml")),
            Some(format!("https://forge.example/acme/data/blob/{head}/manifests/a%20b%23.yaml#L14"))
        );
        assert_eq!(
            gitlab.line(&source("a.yaml")),
            Some(format!("https://forge.example/acme/data/-/blob/{head}/a.yaml#L14"))
        );
        assert_eq!(
            gitlab.commit_of("3f2a91c0b1d2").as_deref(),
            Some("https://forge.example/acme/data/-/commit/3f2a91c0b1d2")
        );
        for file in ["../../x", "a//b", "./a", ""] {
            assert_eq!(github.line(&source(file)), None, "{file}");
        }
        // Of files that differ from the commit no line is known.
        assert_eq!(pages(Forge::GitHub, None).line(&source("a.yaml")), None);
        for id in ["main", "", "3f2a91c0b1d2-dirty", "../../evil"] {
            assert_eq!(github.commit_of(id), None, "{id}");
            assert_eq!(pages(Forge::GitHub, Some(id)).line(&source("a.yaml")), None, "{id}");
        }
    }
}
