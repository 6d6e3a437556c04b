//! What is left of an EMR cluster beside its machines: where it logs, what it is called, whose rights it has.

use super::TranslationOptions;
use super::account::{Ask, At, Book};
use super::library::s3;
use super::parts::CLUSTER;
use super::paths::PathLocation;
use super::shell::{self, ShellLine, pip};
use super::team;
use super::{Script, steps};
use crate::detect::{is_taken, masked};
use crate::kinds::mark;
use crate::manifest::RightsAnswer;
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// Why nothing of a network is asked: no setting of a job or its cluster could answer.
pub(super) const NETWORK: &str =
    "the workspace decides subnets and security groups: its network has to reach what the job talks to";

/// Members that have no place on the other side, and why.
const DROPPED: [(&str, &str); 36] = [
    ("Id", "of this one cluster: job clusters are new in every run"),
    ("ClusterArn", "of this one cluster; its region and account have been used"),
    ("Name", "the job is named after it"),
    ("Status", "how this one cluster fares"),
    ("NormalizedInstanceHours", "what this one cluster has used"),
    ("MasterPublicDnsName", "of this one cluster"),
    ("InstanceCollectionType", "whether groups or fleets are listed"),
    ("ServiceRole", "EMR's own role: only the teardown needs it"),
    ("AutoScalingRole", "EMR's own role: only the teardown needs it"),
    ("AutoTerminate", "a job cluster ends with its run"),
    ("TerminationProtected", "a job cluster ends with its run"),
    ("UnhealthyNodeReplacement", "Databricks replaces unhealthy machines by itself"),
    ("VisibleToAllUsers", "has had no effect on EMR for years; permissions of the job say who may see it"),
    ("ScaleDownBehavior", "Databricks decides how clusters shrink"),
    ("EbsRootVolumeSize", "Databricks sizes the root disk"),
    ("EbsRootVolumeIops", "Databricks sizes the root disk"),
    ("EbsRootVolumeThroughput", "Databricks sizes the root disk"),
    ("RepoUpgradeOnBoot", "Databricks updates its images"),
    ("RequestedAmiVersion", "the runtime decides the image"),
    ("RunningAmiVersion", "the runtime decides the image"),
    ("OSReleaseLabel", "the runtime decides the system: Ubuntu"),
    ("ExtendedSupport", "EMR's support"),
    ("SessionEnabled", "EMR's interactive sessions"),
    ("Ec2InstanceAttributes.Ec2KeyName", "nobody logs in to job clusters"),
    ("Ec2InstanceAttributes.EmrManagedMasterSecurityGroup", "the workspace's network decides"),
    ("Ec2InstanceAttributes.EmrManagedSlaveSecurityGroup", "the workspace's network decides"),
    ("Ec2InstanceAttributes.ServiceAccessSecurityGroup", "the workspace's network decides"),
    ("Ec2InstanceAttributes.Ec2AvailabilityZone", "the workspace's subnets decide the zones"),
    ("Ec2InstanceAttributes.RequestedEc2AvailabilityZones", "the workspace's subnets decide the zones"),
    ("Ec2InstanceAttributes.Ec2SubnetId", NETWORK),
    ("Ec2InstanceAttributes.RequestedEc2SubnetIds", NETWORK),
    ("Ec2InstanceAttributes.AdditionalMasterSecurityGroups", NETWORK),
    ("Ec2InstanceAttributes.AdditionalSlaveSecurityGroups", NETWORK),
    ("PlacementGroups", "Databricks places the machines"),
    (
        "SecurityConfiguration",
        "an object of the account: encryption is the workspace's and the buckets', and who may read what is decided by \
         Unity Catalog or the instance profile",
    ),
    ("MonitoringConfiguration", "EMR's delivery of logs to CloudWatch"),
];

/// Members that a person has to decide on: what, why, what there is to choose from.
const ASKED: [(&str, &str, &str, [&str; 2]); 3] = [
    (
        "KerberosAttributes",
        "what Kerberos was for",
        "Databricks clusters join no Kerberos realm",
        ["nothing", "Unity Catalog's permissions"],
    ),
    ("OutpostArn", "where the job runs", "Databricks runs in no Outpost", ["in the region", "not on Databricks"]),
    (
        "CustomAmiId",
        "what the machine image brought along",
        "Databricks starts no images of others",
        ["an init script", "a container image"],
    ),
];

/// Applications of EMR that Spark jobs have without asking.
const PLAIN: [&str; 8] = [
    "Hadoop",
    "Spark",
    "Livy",
    "Ganglia",
    "JupyterHub",
    "JupyterEnterpriseGateway",
    "Zeppelin",
    "AmazonCloudWatchAgent",
];

/// What the cluster's own fields come to.
#[derive(Debug, Default)]
pub(super) struct Around {
    /// Members of the new cluster.
    pub cluster: Map<String, Value>,
    /// Members of its AWS attributes.
    pub aws: Map<String, Value>,
    /// Tags of the job.
    pub tags: Map<String, Value>,
    /// What bootstrap actions install for every task.
    pub libraries: Vec<Value>,
    /// The files that they put on the nodes, each with where it came from.
    pub fetched: Vec<(String, String)>,
}

/// Takes in all of `Cluster` but its machines, release, configurations and steps.
pub(super) fn around(book: &mut Book, root: &At<'_>, options: &TranslationOptions) -> Around {
    let mut around = Around::default();
    let Some(cluster) = root.get("Cluster") else { return around };
    for (path, why) in DROPPED {
        book.drop_of(&cluster, path, why);
    }
    for (path, what, why, options) in ASKED {
        let Some(at) = cluster.path(path).filter(|at| at.leaves().iter().any(|_| !at.value.is_null())) else {
            continue;
        };
        let ask = Ask { what: what.into(), why, options: &options, default: "nothing is set", place: CLUSTER.into() };
        book.ask(&at, ask);
    }
    applications(book, root, &cluster);
    let region = arn(&cluster).and_then(|a| a.region).or_else(|| options.region.clone());
    profile(book, &cluster, options, &mut around);
    logs(book, &cluster, region.as_deref(), options, &mut around);
    tags(book, &cluster, &mut around);
    bootstrap(book, root, region.as_deref(), &options.scripts, &mut around);
    if let Some(policy) = root.get("AutoTerminationPolicy") {
        book.dropped(&policy, "a job cluster ends with its run");
    }
    around
}

struct Arn {
    partition: String,
    region: Option<String>,
    account: String,
}

fn arn(cluster: &At<'_>) -> Option<Arn> {
    let text = cluster.text_of("ClusterArn")?;
    let mut parts = text.split(':').skip(1);
    let (partition, _, region, account) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let region = Some(region.to_owned()).filter(|r| !r.is_empty());
    Some(Arn { partition: partition.to_owned(), region, account: account.to_owned() })
}

/// Applications beside Spark. One that no step names came with the cluster: nobody has to decide on it.
fn applications(book: &mut Book, root: &At<'_>, cluster: &At<'_>) {
    let steps = root.list("Steps");
    for at in cluster.list("Applications") {
        let name = at.text_of("Name").unwrap_or_default();
        let own = name.to_ascii_lowercase();
        let naming: Vec<&At<'_>> =
            steps.iter().filter(|step| names(&step.value.to_string().to_ascii_lowercase(), &own)).collect();
        let is_named = !naming.is_empty();
        // `pig-script`: such a step is asked about itself.
        let is_run = naming.iter().all(|step| {
            let program = step.path("Config.Args").and_then(|args| args.items().first()?.text()).unwrap_or_default();
            names(&program.rsplit('/').next().unwrap_or_default().to_ascii_lowercase(), &own)
        });
        if PLAIN.contains(&name.as_str()) {
            book.dropped(&at, "Spark, or a tool that every workspace has in another form");
        } else if ["Hive", "HCatalog"].contains(&name.as_str()) {
            book.dropped(
                &at,
                "Spark has tables without Hive; the catalog is a decision where a metastore is configured",
            );
        } else if is_named && is_run {
            book.dropped(&at, "Databricks has no such application: each step that runs it is asked about");
        } else if is_named {
            let ask = Ask {
                what: format!("what takes the place of `{}`, which steps name", masked(&name)),
                why: "Databricks has no such application",
                options: &["nothing: they do not need it", "rewrite that part"],
                default: "left out",
                place: CLUSTER.into(),
            };
            book.ask(&at, ask);
        } else {
            book.dropped(&at, "Databricks has no such application, and no step names it");
        }
    }
}

/// Whether a text names an application: a short name only as a word of its own (`pig-script`, not `pigment`).
fn names(text: &str, application: &str) -> bool {
    let mut words = text.split(|c: char| !c.is_ascii_alphanumeric());
    !application.is_empty()
        && words.any(|word| word == application || application.len() > 4 && word.contains(application))
}

/// The instance profile, whose name EMR gives and whose ARN Databricks wants.
fn profile(book: &mut Book, cluster: &At<'_>, options: &TranslationOptions, around: &mut Around) {
    let Some(at) = cluster.path("Ec2InstanceAttributes.IamInstanceProfile") else { return };
    let Some(name) = at.text().filter(|n| !n.is_empty()) else { return };
    match options.answers.rights {
        Some(RightsAnswer::UnityCatalog) => {
            return book.dropped(&at, "`answers.rights` of plumb.yaml: rights are those that Unity Catalog grants");
        }
        Some(RightsAnswer::InstanceProfile) => {}
        None => team::rights(book),
    }
    let place = format!("{CLUSTER}.aws_attributes.instance_profile_arn");
    let full = match (name.starts_with("arn:"), arn(cluster)) {
        (true, _) => name,
        (false, Some(arn)) => format!("arn:{}:iam::{}:instance-profile/{name}", arn.partition, arn.account),
        (false, None) => {
            let ask = Ask {
                what: format!("which account the instance profile `{}` is of", masked(&name)),
                why: "Databricks wants its ARN, and the input does not say of which account it is",
                options: &["its ARN, once it is registered in the workspace", "none"],
                default: "none is set",
                place,
            };
            return book.ask(&at, ask);
        }
    };
    book.translated(&at, place);
    around.aws.insert("instance_profile_arn".into(), json!(full));
}

/// Where logs go, as `cluster_log_conf` says it: what a team has answered, or else where EMR's went. `None` where there is
/// nothing to set, or nobody knows the region without which Databricks refuses a bucket.
pub(super) fn log_conf(
    book: &mut Book,
    at: Option<&At<'_>>,
    region: Option<&str>,
    options: &TranslationOptions,
) -> Option<Value> {
    let place = format!("{CLUSTER}.cluster_log_conf");
    let old = at.and_then(At::text).filter(|text| !text.is_empty()).map(|text| s3(&text));
    let answer = options.answers.logs.as_deref();
    if let (Some(at), Some("none")) = (at, answer) {
        book.dropped(at, "`answers.logs` of plumb.yaml: clusters keep no logs");
    }
    let to = match answer {
        Some("none") => return None,
        None | Some("keep") => {
            let at = at?;
            let Some(to) = old.filter(|uri| uri.starts_with("s3://")) else {
                book.dropped(at, "not a folder of S3");
                return None;
            };
            if answer.is_none() {
                team::logs(book);
            }
            to
        }
        Some(to) => {
            if let Some(at) = at.filter(|_| old.as_deref() != Some(to)) {
                book.dropped(at, format!("`answers.logs` of plumb.yaml: clusters write them to `{}`", masked(to)));
            }
            to.to_owned()
        }
    };
    if to.starts_with("/Volumes/") {
        return Some(json!({ "volumes": { "destination": to } }));
    }
    if let Some(region) = region {
        if let Some(at) = at {
            book.translated(at, place);
        }
        return Some(json!({ "s3": { "destination": to, "region": region } }));
    }
    let ask = Ask {
        what: format!("in which region the bucket of the logs is: `{}`", masked(&to)),
        why: "Databricks refuses a folder of S3 without its region or endpoint, and the input names neither",
        options: &["`cluster_log_conf` with the region", "none"],
        default: "no logs are kept",
        place: CLUSTER.into(),
    };
    match at {
        Some(at) => book.ask(at, ask),
        None => {
            book.note(&At { field: String::new(), value: &Value::Null }, ask);
        }
    }
    None
}

fn logs(book: &mut Book, cluster: &At<'_>, region: Option<&str>, options: &TranslationOptions, around: &mut Around) {
    let at = cluster.get("LogUri");
    let key = cluster.get("LogEncryptionKmsKeyId").filter(|k| k.text().is_some_and(|t| !t.is_empty()));
    let kept = at.as_ref().and_then(At::text).map(|uri| s3(&uri));
    let Some(mut conf) = log_conf(book, at.as_ref(), region, options) else {
        return book.drop_of(cluster, "LogEncryptionKmsKeyId", "no logs are kept");
    };
    let destination = conf.pointer("/s3/destination").and_then(Value::as_str);
    let is_same = destination.is_some() && destination == kept.as_deref();
    if let Some(key) = key {
        if is_same {
            conf["s3"]["enable_encryption"] = json!(true);
            conf["s3"]["encryption_type"] = json!("sse-kms");
            conf["s3"]["kms_key"] = json!(key.text());
            book.translated(&key, format!("{CLUSTER}.cluster_log_conf"));
        } else {
            book.dropped(&key, "the key of EMR's logs: those of Databricks go to another place");
        }
    }
    around.cluster.insert("cluster_log_conf".into(), conf);
}

/// Tags of the job, which its clusters get too. 25 at most, of which plumb needs 3 (Jobs API).
fn tags(book: &mut Book, cluster: &At<'_>, around: &mut Around) {
    for at in cluster.list("Tags") {
        let (key, value) = (at.text_of("Key").unwrap_or_default(), at.text_of("Value").unwrap_or_default());
        let own = ["Vendor", "Creator", "ClusterName", "ClusterId"];
        let is_own = own.contains(&key.as_str()) || mark::TAGS.contains(&key.as_str());
        if key.is_empty() || key.starts_with("aws:") || is_own {
            book.dropped(&at, "a key that AWS, Databricks or plumb has for itself");
        } else if key == "for-use-with-amazon-emr-managed-policies" {
            book.dropped(&at, "only EMR's own policies ask for it");
        } else if is_taken(&key, &value) {
            let what = format!("whether the tag `{}` is needed", masked(&key));
            let why = "it looks like a credential, and tags can be read by many";
            let options = ["no", "with a value that is no credential"];
            book.ask(&at, Ask { what, why, options: &options, default: "left out", place: "tags".into() });
        } else if around.tags.len() >= 22 {
            let what = format!("whether the tag `{}` is needed", masked(&key));
            let why = "a job has 25 tags at most, of which plumb needs 3";
            book.ask(
                &at,
                Ask {
                    what,
                    why,
                    options: &["no", "in another one's place"],
                    default: "left out",
                    place: "tags".into(),
                },
            );
        } else {
            book.translated(&at, format!("tags.{key}"));
            around.tags.insert(key, json!(value));
        }
    }
}

/// What a bootstrap action's script does, as far as it was read.
#[derive(Default)]
struct ActionRead {
    /// The packages that it installs.
    packages: Vec<Value>,
    /// The files that it fetches: where they are on the node, and where they came from.
    fetched: Vec<(String, String)>,
    /// What else it does, and what is not understood.
    other: Vec<String>,
}

fn read(text: &str, args: &[String]) -> ActionRead {
    let mut read = ActionRead::default();
    for line in shell::read(text, args) {
        let command = match line {
            ShellLine::Command(command) => command,
            ShellLine::Quoted(text) => {
                read.other.push(masked(&text));
                continue;
            }
        };
        let words: Vec<String> = command.words.iter().skip_while(|w| *w == "sudo").cloned().collect();
        match (pip(&command.words), steps::copy(&words)) {
            (Some(packages), _) => {
                read.packages.extend(packages.into_iter().map(|(name, repository)| match repository {
                    Some(repository) => json!({ "pypi": { "package": name, "repo": masked(&repository) } }),
                    None => json!({ "pypi": { "package": name } }),
                }))
            }
            (None, Some((PathLocation::S3(from), PathLocation::Local(to), true))) => read.fetched.push((to, from)),
            _ => read.other.push(masked(&command.words.join(" "))),
        }
    }
    read
}

/// Bootstrap actions, as init scripts where that can be, and as libraries where they only install packages. A cluster has
/// ten init scripts at most (Clusters API).
fn bootstrap(
    book: &mut Book,
    root: &At<'_>,
    region: Option<&str>,
    texts: &BTreeMap<String, Script>,
    around: &mut Around,
) {
    let mut scripts: Vec<Value> = Vec::new();
    let mut told = BTreeSet::new();
    let place = format!("{CLUSTER}.init_scripts");
    for at in root.list("BootstrapActions") {
        let inner = at.get("ScriptBootstrapAction").unwrap_or_else(|| at.clone());
        let path = inner.text_of("ScriptPath").or_else(|| inner.text_of("Path")).unwrap_or_default();
        let path = s3(&path);
        let name = at.text_of("Name").unwrap_or_else(|| path.clone());
        let args: Vec<String> = inner.list("Args").iter().filter_map(At::text).collect();
        if !told.insert((path.clone(), args.clone())) {
            book.dropped(&at, "the same bootstrap action once more");
            continue;
        }
        let theirs = path.contains("elasticmapreduce/")
            || path.starts_with("file:/usr/")
            || path.contains("/usr/share/aws/emr/");
        let read = match texts.get(&path) {
            Some(Script::Text(text)) => Some(read(text, &args)),
            _ => None,
        };
        if let Some(read) = &read {
            around.fetched.extend(read.fetched.iter().cloned());
            if read.other.is_empty() && read.fetched.is_empty() {
                if read.packages.is_empty() {
                    book.dropped(&at, "it does nothing that a job needs");
                } else {
                    let new = read.packages.iter().filter(|l| !around.libraries.contains(l));
                    let new: Vec<Value> = new.cloned().collect();
                    around.libraries.extend(new);
                    book.translated(&at, "tasks[*].libraries");
                }
                continue;
            }
        }
        let options =
            ["an init script that does the same", "a library of the task, where it only installs packages", "nothing"];
        let does = match &read {
            Some(read) if read.other.is_empty() => {
                let files: Vec<String> =
                    read.fetched.iter().map(|(to, from)| masked(&format!("{from} as {to}"))).collect();
                format!(", which fetches `{}`", files.join("`, `"))
            }
            Some(read) => format!(", which does more than install packages: `{}`", read.other.join("`; `")),
            None => String::new(),
        };
        let what =
            format!("what takes the place of the bootstrap action `{}` ({}){does}", masked(&name), masked(&path));
        let with =
            |what: &str| format!("{what}, with the arguments `{}`", crate::detect::masked_arguments(&args).join(" "));
        if theirs {
            let what = if args.is_empty() { what } else { with(&what) };
            let why = "it is EMR's own, and changes what only EMR has";
            book.ask(&at, Ask { what, why, options: &options, default: "left out", place: place.clone() });
        } else if !args.is_empty() {
            let what = with(&what);
            let why = "init scripts get no arguments; and these run as root on Ubuntu, not as hadoop on Amazon Linux";
            let default = "left out: write a script that calls it with its arguments";
            book.ask(&at, Ask { what, why, options: &options, default, place: place.clone() });
        } else if !path.starts_with("s3://") || scripts.len() >= 10 {
            let why = "an init script is a file in S3, a volume or the workspace; a cluster has 10 at most";
            book.ask(&at, Ask { what, why, options: &options, default: "left out", place: place.clone() });
        } else {
            let what = format!("whether the bootstrap action `{}` works as an init script{does}", masked(&name));
            let why = "it runs as root on Ubuntu, not as hadoop on Amazon Linux: `yum` is `apt-get`, and the driver is told by `DB_IS_DRIVER`";
            let default = "runs as it is; the instance profile has to be allowed to read it";
            book.ask(&at, Ask { what, why, options: &options, default, place: place.clone() });
            let mut script = json!({ "destination": path });
            if let Some(region) = region {
                script["region"] = json!(region);
            }
            scripts.push(json!({ "s3": script }));
        }
    }
    if !scripts.is_empty() {
        around.cluster.insert("init_scripts".into(), Value::Array(scripts));
    }
}
