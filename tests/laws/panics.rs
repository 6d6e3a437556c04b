//! A change in which plumb itself breaks: it is reported as failed, or as not known when a write was under way, and all else
//! goes on.

use crate::world::{self, Files, World};
use plumb::apply;
use plumb::apply::{Journal, UnwatchedApply, Verification};
use plumb_core::plan::outcome::SentEnd;
use plumb_core::plan::outcome::{ApplyOutcome, Ended};
use plumb_model::address::Address;
use plumb_model::call::{Call, Method, Sending, Service};
use serde_json::Value;
use std::sync::{Arc, atomic::AtomicBool};

/// Where plumb breaks.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Breaks {
    /// While it looks whether the object is still as it was.
    Reading,
    /// With the write on its way.
    BeforeTheAnswer,
    /// While it looks what came of the write.
    Verifying,
    /// The same, at a listing of all that was written.
    Listing,
    /// The same, at the job that the listing does not show.
    VerifyingAlone,
}

/// A service whose caller breaks at one job's request.
struct Breaking {
    world: Arc<World>,
    breaks: Breaks,
    /// The job's id.
    id: Value,
}

impl Service for Breaking {
    fn send<'a>(&'a self, call: &'a Call) -> Sending<'a> {
        Box::pin(async move {
            let (names, id) = (|member: &Value| *member == self.id, self.id.to_string());
            let is_write =
                call.path.ends_with("/jobs/reset") && call.body.as_ref().is_some_and(|b| names(&b["job_id"]));
            let is_read = call.method == Method::Get
                && call.path.ends_with("/jobs/get")
                && call.query.iter().any(|(_, value)| *value == id);
            let was_written = || async {
                self.world.state().await["databricks"]["jobs"][self.id.to_string()]["settings"]["timeout_seconds"] == 77
            };
            let here = match self.breaks {
                Breaks::Reading => is_read,
                Breaks::BeforeTheAnswer => is_write,
                Breaks::Verifying | Breaks::VerifyingAlone => is_read && was_written().await,
                Breaks::Listing => call.path.ends_with("/jobs/list"),
            };
            let mut answer = self.world.direct().send(call).await;
            assert!(!here, "the test breaks plumb here");
            if let (Ok(answer), Breaks::VerifyingAlone, true) =
                (&mut answer, self.breaks, call.path.ends_with("/jobs/list"))
            {
                answer.body["jobs"].as_array_mut().unwrap().retain(|job| !names(&job["job_id"]));
            }
            answer
        })
    }
}

fn job(name: &str, timeout: u32) -> (String, String) {
    let text = format!(
        "apiVersion: plumb/v1\nkind: DatabricksJob\nmetadata: {{name: {name}}}\nspec:\n  name: {name}\n  timeout_seconds: \
         {timeout}\n  tasks: [{{task_key: t, notebook_task: {{notebook_path: /x}}, existing_cluster_id: 0101-000000-abcdefgh}}]\n"
    );
    (format!("{name}.yaml"), text)
}

fn address(name: &str) -> Address {
    Address { kind: "DatabricksJob".into(), name: name.into() }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_that_breaks_plumb_is_reported_and_the_others_go_on() {
    let world = Arc::new(World::of(plumb_model::call::System::Databricks).await);
    let user = "apiVersion: plumb/v1\nkind: DatabricksJob\nmetadata: {name: c}\nspec:\n  name: c\n  tasks: [{task_key: t, \
                run_job_task: {job_id: \"${resources.DatabricksJob.a}\"}}]\n";
    let files = |timeout: u32, with_user: bool| -> Files {
        let user = with_user.then(|| ("c.yaml".to_owned(), user.to_owned()));
        [job("a", timeout), job("b", timeout)].into_iter().chain(user).collect()
    };
    use Breaks::{BeforeTheAnswer, Listing, Reading, Verifying, VerifyingAlone};
    for breaks in [Reading, BeforeTheAnswer, Verifying, Listing, VerifyingAlone] {
        world.reset().await;
        world.settle(&world::load(&files(60, false)), "before").await;
        let desired = world::load(&files(77, true));
        let (live, decision) = world.plan(&desired).await;
        let change = decision.plan.changes.iter().find(|c| c.address == address("a")).unwrap();
        let id: Value = change.id.as_ref().unwrap().parse::<i64>().unwrap().into();
        let services = world.through(Arc::new(Breaking { world: world.clone(), breaks, id: id.clone() }));
        let journal = Journal::default();
        let together = matches!(breaks, Breaks::Listing | Breaks::VerifyingAlone);
        let verify = if together { Verification::Pages } else { Verification::Singly };
        let options = apply::ApplyOptions { journal: journal.clone(), verify, ..world::options() };
        let stop = Arc::new(AtomicBool::new(false));
        let outcome: ApplyOutcome =
            apply::apply(&services, &desired, &live, decision, options, &UnwatchedApply, stop).await;
        let sent = || vec!["POST /api/2.2/jobs/reset".to_owned()];
        match (&outcome.changes[&address("a")], breaks) {
            (Ended::Failed { why, sent }, Breaks::Reading) if sent.is_empty() => {
                assert!(why.contains("a bug of plumb"), "{why}")
            }
            (Ended::Unknown { why, sent }, Breaks::BeforeTheAnswer) if sent.is_empty() => {
                assert!(why.contains("the test breaks plumb here"), "{why}");
            }
            (Ended::Failed { sent: done, .. }, Breaks::Verifying) => assert_eq!(*done, sent()),
            // Every call of it was accepted: it is done, and what depends on it is.
            (Ended::Done { unverified: None, .. }, Breaks::Listing) => {}
            (Ended::Done { unverified: Some(why), .. }, Breaks::VerifyingAlone) => {
                assert!(why.contains("a bug of plumb"), "{why}");
            }
            (ended, _) => panic!("{breaks:?}: {ended:?}"),
        }
        let ends: Vec<SentEnd> = journal.record(&address("a")).sent.iter().map(|one| one.end).collect();
        let expected = match breaks {
            Breaks::Reading => vec![],
            Breaks::BeforeTheAnswer => vec![SentEnd::Unknown],
            Breaks::Verifying | Breaks::Listing | Breaks::VerifyingAlone => vec![SentEnd::Done],
        };
        assert_eq!(ends, expected, "{breaks:?}");
        assert!(outcome.changes[&address("b")].is_done(), "{breaks:?}: {outcome:?}");
        let c = &outcome.changes[&address("c")];
        if together {
            assert!(c.is_done(), "{breaks:?}: {c:?}");
        } else {
            assert_eq!(*c, Ended::Skipped { because: address("a") }, "{breaks:?}");
        }
        // The next apply makes it good.
        world.settle(&desired, "after").await;
    }
}
