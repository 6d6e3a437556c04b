use super::*;
use plumb_core::plan::Action;
use plumb_model::address::Address;
use std::sync::Arc;
use std::time::Duration;

/// A stream that can be looked into, or that fails.
#[derive(Clone, Default)]
struct Shared(Arc<Mutex<Vec<u8>>>, Option<io::ErrorKind>);

impl Write for Shared {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self.1 {
            Some(kind) => Err(kind.into()),
            None => self.0.lock().unwrap().write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Shared {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

fn ui(out: &Shared, err: &Shared, terminal: bool, input: &'static str, volume: Volume) -> Ui {
    let streams = Streams {
        input: Box::new(input.as_bytes()),
        out: Box::new(out.clone()),
        err: Box::new(err.clone()),
        input_terminal: terminal,
        out_terminal: terminal,
        err_terminal: terminal,
        width: None,
        err_width: None,
        height: None,
    };
    // A dumb terminal: no bars, so that nothing is drawn on the terminal that runs the tests.
    let environment = TerminalEnvironment { term: Some("dumb".into()), ..TerminalEnvironment::default() };
    Ui::new(streams, &environment, Colour::Auto, volume)
}

fn logged(volume: Volume) -> (Ui, Shared, Shared) {
    let (out, err) = (Shared::default(), Shared::default());
    (ui(&out, &err, false, "", volume), out, err)
}

#[test]
fn data_goes_to_stdout_and_everything_else_to_stderr() {
    let (ui, out, err) = logged(Volume::Normal);
    ui.data("{\"a\": 1}\n").unwrap();
    ui.status("reading");
    ui.detail("not said");
    ui.warn("w\u{1b}[2J\n::error::x");
    ui.failure(&Failure::error("broken").detail("  --> a.yaml:1").hint("fix it"));
    assert_eq!(out.text(), "{\"a\": 1}\n");
    assert_eq!(
        err.text(),
        "reading\nwarning: w\\u001b[2J\n| ::error::x\n  --> a.yaml:1\nerror: broken\nhint: fix it\n"
    );
}

#[test]
fn quiet_keeps_warnings_and_errors() {
    let (ui, _, err) = logged(Volume::Quiet);
    ui.status("reading");
    ui.progress().read(Duration::ZERO);
    ui.warn("w");
    ui.error("e");
    assert_eq!(err.text(), "warning: w\nerror: e\n");
}

#[test]
fn a_reader_that_is_gone_is_no_failure_and_a_full_disk_is() {
    let (gone, err) = (Shared(Arc::default(), Some(io::ErrorKind::BrokenPipe)), Shared::default());
    let to_gone = ui(&gone, &err, false, "", Volume::Normal);
    assert_eq!(to_gone.data("x"), Ok(()));
    assert!(to_gone.out.lock().unwrap().is_none());
    assert_eq!(to_gone.data("y"), Ok(()));
    let full = Shared(Arc::default(), Some(io::ErrorKind::StorageFull));
    let failure = ui(&full, &err, false, "", Volume::Normal).data("x").unwrap_err();
    assert_eq!(failure.exit, ExitCode::Error);
    assert_eq!(err.text(), "");
}

#[test]
fn a_terminal_gets_long_messages_below_one_another_and_a_log_on_one_line() {
    let text = "a cluster is used by a job that is not in the plan, ".repeat(3)
        + "::error::x\n  to allow it: \
                `plumb apply --override max-change-percent --override max-deletes --only DatabricksJob/x`";
    let (err, log) = (Shared::default(), Shared::default());
    let mut terminal = ui(&Shared::default(), &err, true, "", Volume::Normal);
    terminal.err_width = Some(80);
    let failure = Failure::error("short").hint(&text);
    for ui in [terminal, ui(&Shared::default(), &log, false, "", Volume::Normal)] {
        ui.warn(&text);
        ui.failure(&failure);
    }
    let hung = "a cluster is used by a job that is not in the plan, a cluster is used by a\n  job that";
    let warned = "warning: a cluster is used by a job that is not in the plan, a cluster is used\n  by a job";
    assert!(err.text().starts_with(warned), "{}", err.text());
    assert!(err.text().contains(&format!("\nerror: short\nhint: {hung}")), "{}", err.text());
    let allowed = "\n  to allow it: `plumb apply --override max-change-percent --override";
    assert!(err.text().contains(allowed), "{}", err.text());
    assert!(err.text().lines().all(|line| line.len() <= 80 && !line.trim_start().starts_with("::")), "{}", err.text());
    assert_eq!(log.text(), format!("warning: {text}\nerror: short\nhint: {text}\n"));
}

#[test]
fn only_a_yes_is_a_yes() {
    for (answer, yes) in [("y\n", true), ("YES\n", true), ("\n", false), ("", false), ("yep\n", false)] {
        let err = Shared::default();
        let ui = ui(&Shared::default(), &err, true, answer, Volume::Normal);
        assert_eq!(ui.confirm("Apply?"), Ok(yes), "{answer:?}");
        assert_eq!(err.text(), if yes { "Apply? [y/N] " } else { "Apply? [y/N] \n" });
    }
}

#[test]
fn a_no_is_cancelled_and_no_error() {
    let (ui, _, err) = logged(Volume::Normal);
    let failure = Failure::cancelled("nothing was sent");
    ui.failure(&failure);
    assert_eq!((err.text().as_str(), failure.exit), ("cancelled; nothing was sent\n", ExitCode::Error));
}

#[test]
fn a_question_has_an_answer_and_nobody_is_asked_without_a_terminal() {
    for (typed, answer) in [("staging\n", "staging"), ("  a b \n", "a b"), ("\n", "prod"), ("", "prod")] {
        let err = Shared::default();
        let terminal = ui(&Shared::default(), &err, true, typed, Volume::Normal);
        assert_eq!(terminal.ask("Target", "prod"), Ok(answer.to_owned()), "{typed:?}");
        assert_eq!(err.text(), "Target [prod] ");
    }
    let (log, _, err) = logged(Volume::Normal);
    assert_eq!((log.ask("Target", "prod"), err.text()), (Ok("prod".to_owned()), String::new()));
}

#[test]
fn nobody_to_ask_is_a_failure_with_a_hint() {
    let (ui, _, err) = logged(Volume::Normal);
    let failure = ui.confirm("Apply?").unwrap_err();
    assert_eq!(failure.exit.code(), 64);
    assert!(failure.hints[0].contains("--yes"));
    assert_eq!(err.text(), "");
}

#[test]
fn a_log_gets_a_line_for_each_change() {
    let (ui, _, err) = logged(Volume::Normal);
    let progress = ui.progress();
    [300, 100].into_iter().for_each(|objects| progress.page(objects));
    progress.listed(400);
    [0, 12, 49, 61, 99].into_iter().for_each(|sent| progress.requests(sent));
    progress.listed(4_600);
    progress.requests(103);
    progress.read(Duration::from_millis(1_250));
    progress.total(3);
    let address = |name: &str| Address { kind: "DatabricksJob".into(), name: name.into() };
    let (a, b, c) = (address("a"), address("b"), address("c\u{7}"));
    let step = |address, action| ChangeStep { address, action };
    progress.started(step(&a, Action::Create));
    (0..3).for_each(|_| progress.waiting(step(&a, Action::Create), "it is PENDING"));
    progress.ended(step(&a, Action::Create), &End::Done(Duration::from_millis(400)));
    let failed = End::Failed { why: "400".into(), after: Duration::from_secs(61) };
    progress.ended(step(&b, Action::Update), &failed);
    progress.ended(step(&c, Action::Delete), &End::Skipped { why: "DatabricksJob/b failed".into() });
    assert_eq!(
        err.text(),
        "reading: 400 objects on 2 pages with 61 requests so far\n\
         reading: 5000 objects on 2 pages with 103 requests so far\n\
         read 5000 objects with 103 requests in 1.2 s\n\
         creating DatabricksJob/a\n\
         creating DatabricksJob/a: waiting: it is PENDING\n\
         [1/3] created DatabricksJob/a in 0.4 s\n\
         error: [2/3] failed updating DatabricksJob/b after 1 min 01 s: 400\n\
         [3/3] skipped deleting DatabricksJob/c\\u0007: DatabricksJob/b failed\n"
    );
}

#[test]
fn exit_codes_are_those_that_scripts_rely_on() {
    use ExitCode::*;
    let codes = [Ok, Error, Changes, Guard, Stale, Lease, Partial, Usage, Interrupted].map(ExitCode::code);
    assert_eq!(codes, [0, 1, 2, 3, 4, 5, 6, 64, 130]);
}

#[test]
fn bars_leave_the_same_lines_behind() {
    let err = Shared::default();
    let mut ui = ui(&Shared::default(), &err, true, "", Volume::Normal);
    ui.bars = Some(MultiProgress::with_draw_target(indicatif::ProgressDrawTarget::hidden()));
    let progress = ui.progress();
    progress.listed(3);
    progress.requests(1);
    progress.read(Duration::from_millis(100));
    progress.total(2);
    let address = Address { kind: "DatabricksJob".into(), name: "a".into() };
    let step = ChangeStep { address: &address, action: Action::Move };
    progress.started(step);
    progress.waiting(step, "PENDING");
    progress.ended(step, &End::Done(Duration::from_millis(400)));
    progress.finished();
    assert_eq!(err.text(), "read 3 objects with 1 request in 0.1 s\nmoved DatabricksJob/a in 0.4 s\n");
}

#[test]
fn a_pause_reads_one_line_and_only_where_somebody_can_press_a_key() {
    let (out, err) = (Shared::default(), Shared::default());
    let terminal = ui(&out, &err, true, "\ny\n", Volume::Normal);
    terminal.pause("Enter goes on").unwrap();
    assert_eq!(err.text(), "Enter goes on ");
    assert_eq!(terminal.confirm("Go?"), Ok(true), "the second line is still there");
    let (log, _, err) = logged(Volume::Normal);
    log.pause("Enter goes on").unwrap();
    assert_eq!(err.text(), "");
}
