use super::*;
use crate::ui::{Colour, Streams, TerminalEnvironment, Volume};
use plumb_core::diagnose::result::ProposedChange;

fn patch(file: &str, before: &str, text: &str) -> FilePatch {
    let shown = ProposedChange {
        file: file.into(),
        line: 1,
        what: "DatabricksJob/x: timeout_seconds 1 → 2".into(),
        why: String::new(),
        patch: String::new(),
    };
    FilePatch { shown, before: before.into(), text: text.into() }
}

fn quiet() -> Ui {
    let streams = Streams {
        input: Box::new(std::io::empty()),
        out: Box::new(std::io::sink()),
        err: Box::new(std::io::sink()),
        input_terminal: false,
        out_terminal: false,
        err_terminal: false,
        width: None,
        err_width: None,
        height: None,
    };
    Ui::new(streams, &TerminalEnvironment::default(), Colour::Never, Volume::Quiet)
}

#[test]
fn a_patch_is_written_whole_and_keeps_the_permissions() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("job.yaml");
    std::fs::write(&file, "a: 1\n").unwrap();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o640)).unwrap();
    }
    write(dir.path(), &[patch("job.yaml", "a: 1\n", "a: 2\n")], &quiet()).unwrap();
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "a: 2\n");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o640);
    }
    // Nothing is left beside it.
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
}

#[test]
fn a_file_that_changed_is_left_alone_and_so_are_the_others() {
    let dir = tempfile::tempdir().unwrap();
    for name in ["a.yaml", "b.yaml"] {
        std::fs::write(dir.path().join(name), "now\n").unwrap();
    }
    let patches = [patch("a.yaml", "now\n", "new\n"), patch("b.yaml", "then\n", "new\n")];
    let failure = write(dir.path(), &patches, &quiet()).unwrap_err();
    assert_eq!(failure.message, "b.yaml changed since it was read");
    for name in ["a.yaml", "b.yaml"] {
        assert_eq!(std::fs::read_to_string(dir.path().join(name)).unwrap(), "now\n", "{name}");
    }
}

#[test]
fn nothing_outside_of_the_project_is_written() {
    let outside = tempfile::tempdir().unwrap();
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(outside.path().join("job.yaml"), "a\n").unwrap();
    std::fs::create_dir(dir.path().join(".git")).unwrap();
    std::fs::write(dir.path().join(".git/config"), "a\n").unwrap();
    let mut names = vec![outside.path().join("job.yaml").to_string_lossy().into_owned(), ".git/config".to_owned()];
    #[cfg(unix)]
    {
        std::os::unix::fs::symlink(outside.path().join("job.yaml"), dir.path().join("link.yaml")).unwrap();
        names.push("link.yaml".to_owned());
    }
    for name in names {
        let failure = write(dir.path(), &[patch(&name, "a\n", "b\n")], &quiet()).unwrap_err();
        assert!(failure.message.contains("leads"), "{}", failure.message);
    }
    assert_eq!(std::fs::read_to_string(outside.path().join("job.yaml")).unwrap(), "a\n");
    assert_eq!(std::fs::read_to_string(dir.path().join(".git/config")).unwrap(), "a\n");
}
