//! The stories, step by step. A step tells, acts, and then checks facts: exit codes, what is live, the plan as data.

mod emr;
mod facts;
mod failure;
mod months;
mod parity;
mod workspace;

use super::stage::Stage;
use crate::ui::Failure;
use std::future::Future;
use std::pin::Pin;

/// What a step is while it runs.
pub type Playing<'s> = Pin<Box<dyn Future<Output = Result<(), Failure>> + 's>>;

/// What one command tells.
pub struct Story {
    /// All steps, in order.
    pub steps: &'static [StoryStep],
    /// What to try after it.
    pub next: &'static str,
}

/// One step of a story. It relies on those before it and on nothing else.
pub struct StoryStep {
    pub title: &'static str,
    /// What happens, in plain words.
    pub words: &'static str,
    /// Acts and checks.
    pub play: for<'s> fn(&'s Stage<'_>) -> Playing<'s>,
}

/// `plumb demo`: keeping a workspace and its schedule equal to what git says.
pub const WORKSPACE: Story =
    Story { steps: WORKSPACE_STEPS, next: "`plumb demo emr`, or `plumb init` in a folder of your own" };

/// `plumb demo emr`: the way out of EMR.
pub const EMR: Story =
    Story { steps: EMR_STEPS, next: "`plumb emr inventory`, with `emr: {region: REGION}` in a target of your own" };

const WORKSPACE_STEPS: &[StoryStep] = &[
    StoryStep {
        title: "validate: every mistake, offline",
        words: "Ben adds three monthly jobs and their schedule to Ann's repository.",
        play: |stage| Box::pin(workspace::validate(stage)),
    },
    StoryStep {
        title: "plan: what would an apply do?",
        words: "Carol made one of the jobs by hand, long ago: `adopt` names its id.",
        play: |stage| Box::pin(workspace::plan(stage)),
    },
    StoryStep {
        title: "apply, and nothing is left to do",
        words: "What refers to something comes after it. Each call leaves plumb's mark.",
        play: |stage| Box::pin(workspace::apply(stage)),
    },
    StoryStep {
        title: "drift: somebody edits a job in the UI",
        words: "Erin is on call and shortens a timeout. The nightly check exits with 2:",
        play: |stage| Box::pin(workspace::drift(stage)),
    },
    StoryStep {
        title: "a manifest is removed, and its job is deleted",
        words: "What carries no mark of the project is nobody's business here.",
        play: |stage| Box::pin(workspace::removal(stage)),
    },
];

const EMR_STEPS: &[StoryStep] = &[
    StoryStep {
        title: "emr inventory: what is still on EMR",
        words: "Ann's repository keeps a workspace, an Airflow and what is left in an AWS account. The old monthly \
                pipelines run there, on EMR, as they are met: six of them, recreated each month or kept waiting, on \
                spot fleets, with bootstrap actions and odd steps.",
        play: |stage| Box::pin(emr::inventory(stage)),
    },
    StoryStep {
        title: "import emr: from steps and clusters to manifests",
        words: "Each pipeline becomes a job, the DAG that runs it, a manifest of its old clusters and one that ties the \
                two. What only people can decide is a comment at its line, and stands in translation.md.",
        play: |stage| Box::pin(emr::translate(stage)),
    },
    StoryStep {
        title: "apply: the new beside the old",
        words: "The translated jobs and DAGs are deployed. EMR goes on as before: old and new run in parallel.",
        play: |stage| Box::pin(emr::deploy(stage)),
    },
    StoryStep {
        title: "diagnose: a month fails",
        words: "This month EC2 took spot machines of the churn model back, on EMR. Ben runs its new job on spot machines \
                alone, to save money, and it fails too. `diagnose` reads what the services and the logs say, names the \
                cause with its evidence, and writes the change into the manifest.",
        play: |stage| Box::pin(failure::diagnose(stage)),
    },
    StoryStep {
        title: "teardown: marked",
        words: "Ann writes that the old insights clusters are to go. The first apply only marks what matches: tags, and \
                nothing else.",
        play: |stage| Box::pin(emr::mark(stage)),
    },
    StoryStep {
        title: "gates, one by one",
        words: "A date, a grace, two good runs of the new job, the old DAG paused, old and new compared, no step \
                running: each of them alone keeps the cluster alive, and the plan says which and why.",
        play: |stage| Box::pin(emr::gates(stage)),
    },
    StoryStep {
        title: "parity: old and new, compared",
        words: "One gate is left: that the new pipeline writes what the old one writes, two months in a row. The import \
                proposed a comparison; Ben reviews it: where both write, what names a row, what may differ and why.",
        play: |stage| Box::pin(parity::compare(stage)),
    },
    StoryStep {
        title: "teardown: allowed",
        words: "Now it is due. That alone ends nothing: terminating takes --allow-teardown as well.",
        play: |stage| Box::pin(emr::take_down(stage)),
    },
    StoryStep {
        title: "one comes back",
        words: "Erin starts a cluster of that name again. The manifest is still there, and the nightly drift check \
                reads it.",
        play: |stage| Box::pin(emr::comes_back(stage)),
    },
    StoryStep {
        title: "replays: two months on one day",
        words: "The audience is next, and its old DAG starts a cluster each month. Ben tells the new job its month by a \
                parameter, and where it writes until the cutover. From here on the sandbox's clock is played. A month comes \
                once a month; replays run the new job for months that are over, and compare them.",
        play: |stage| Box::pin(months::replay(stage)),
    },
    StoryStep {
        title: "cost: kept before it is forgotten",
        words: "EMR forgets machines after 30 days. What runs used is kept in small files, without prices; prices are a \
                reviewed file, too.",
        play: |stage| Box::pin(months::keep(stage)),
    },
    StoryStep {
        title: "a wave waits for its day",
        words: "Months pass. Ann writes the day of the cutover. Until then each plan says what holds and what does not.",
        play: |stage| Box::pin(months::waits(stage)),
    },
    StoryStep {
        title: "cut over",
        words: "The day is reached. One change pauses the old DAG, gives the new one its real parameters, and switches it on.",
        play: |stage| Box::pin(months::cut_over(stage)),
    },
    StoryStep {
        title: "and back, in one command",
        words: "Two days later sales call: a report still reads the old place. Erin takes the wave back, without a merge.",
        play: |stage| Box::pin(months::back(stage)),
    },
    StoryStep {
        title: "a new day",
        words: "The report is corrected. Ann writes a new day, and this time cuts the wave over by hand.",
        play: |stage| Box::pin(months::again(stage)),
    },
];

const TARGET: [&str; 2] = ["--target", "demo"];
