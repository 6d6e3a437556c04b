//! The questions about machines, runtime and rights that a team answers once, and what the answers come to.

use super::account::Book;
use super::answers::{TeamAnswer, TeamQuestion};
use crate::manifest::Answers;
use serde_json::{Value, json};

fn question(
    answer: TeamAnswer,
    what: &str,
    why: &str,
    options: &[&str],
    default: &str,
    value: Option<Value>,
) -> TeamQuestion {
    let options = options.iter().map(|option| (*option).to_owned()).collect();
    TeamQuestion { answer, what: what.into(), why: why.into(), options, default: default.into(), value }
}

/// Which runtime jobs have. `why` says more where an answer could not be taken.
pub(super) fn runtime(book: &mut Book, why: Option<&str>) {
    book.ask_team(question(
        TeamAnswer::Runtime,
        "which runtime jobs have",
        why.unwrap_or("Databricks' Spark is another build than EMR's: results and running times have to be compared"),
        &[
            "`auto`: of each release the supported long-term runtime that is nearest",
            "a key, as `16.4.x-scala2.12`: this one for all that fit it",
        ],
        "the supported long-term runtime that is nearest to the release, with properties that keep results equal",
        Some(json!("auto")),
    ));
}

/// As whom a job runs: `run_as` of its spec.
pub(super) fn run_as(book: &mut Book, answers: &Answers) -> Option<Value> {
    let Some(name) = answers.run_as.as_deref() else {
        book.ask_team(question(
            TeamAnswer::RunAs,
            "as whom jobs run",
            "it decides what they may read; their clusters are dedicated, as code with RDDs or the SparkContext needs it",
            &[
                "`creator`: whoever applies the manifests",
                "the application id of a service principal",
                "a user's name, as `ann@acme.example`",
            ],
            "as whoever creates the job",
            Some(json!("creator")),
        ));
        return None;
    };
    match name {
        "creator" => None,
        user if user.contains('@') => Some(json!({ "user_name": user })),
        principal => Some(json!({ "service_principal_name": principal })),
    }
}

/// With whose rights jobs read and write S3.
pub(super) fn rights(book: &mut Book) {
    book.ask_team(question(
        TeamAnswer::Rights,
        "with whose rights jobs read and write S3",
        "an instance profile has to be registered by an administrator; Unity Catalog's external locations are the newer way",
        &["`instanceProfile`: EMR's own one, registered in the workspace", "`unityCatalog`: grants on external locations"],
        "clusters have the instance profile that they had; EMR Serverless gave roles, and for those nothing is set",
        Some(json!("instanceProfile")),
    ));
}

/// Where clusters write their logs.
pub(super) fn logs(book: &mut Book) {
    book.ask_team(question(
        TeamAnswer::Logs,
        "where clusters write their logs",
        "whoever reads EMR's logs finds those of Databricks in other folders, also in the same place",
        &["`keep`: where EMR's did", "a folder, as `s3://BUCKET/PREFIX` or `/Volumes/…`", "`none`"],
        "where EMR's clusters did",
        Some(json!("keep")),
    ));
}

/// Whether workers may be spot machines.
pub(super) fn spot(book: &mut Book) {
    book.ask_team(question(
        TeamAnswer::Spot,
        "whether workers may be spot machines",
        "a run loses work with each machine that is taken away; bids in USD have no place on Databricks",
        &["`keep`: as on EMR", "`withFallback`: on-demand machines where no spot ones are to be had", "`never`"],
        "as on EMR, at no more than the on-demand price unless EMR's share of it says otherwise",
        Some(json!("keep")),
    ));
}

/// What takes the place of a machine type that is not to be had.
pub(super) fn node_type(book: &mut Book, old: &str, new: &str) {
    book.ask_team(question(
        TeamAnswer::NodeTypes,
        "which machine types take the place of those that Databricks does not offer here",
        "the nearest by cores, memory and disks is not always the cheapest or the one that is reserved",
        &["a map of the old types to new ones, as `m3.xlarge: m5d.xlarge`"],
        "the offered type that is nearest by cores, memory and disks",
        Some(json!({ old: new })),
    ));
}
