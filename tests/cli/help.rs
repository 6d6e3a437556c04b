//! The help of every command, as `tests/cli/help/*.txt`. `PLUMB_BLESS=1 cargo test --test cli help` writes them anew.

use crate::shows;
use crate::world::World;

const COMMANDS: [&str; 47] = [
    "init",
    "validate",
    "plan",
    "apply",
    "drift",
    "ci",
    "ci plan",
    "ci apply",
    "ci drift",
    "ci diagnose",
    "ci board",
    "status",
    "show",
    "open",
    "run",
    "explain",
    "targets",
    "graph",
    "diagnose",
    "import",
    "import emr",
    "release",
    "unlock",
    "emr",
    "emr inventory",
    "parity",
    "parity run",
    "parity replay",
    "parity report",
    "parity status",
    "parity suggest",
    "parity setup",
    "migrate",
    "migrate status",
    "migrate forecast",
    "migrate cutover",
    "migrate rollback",
    "cost",
    "prices",
    "prices fetch",
    "schema",
    "sandbox",
    "demo",
    "demo emr",
    "completions",
    "man",
    "version",
];

#[test]
fn of_every_command() {
    let world = World::new();
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cli/help");
    let mut failures = Vec::new();
    for command in COMMANDS.into_iter().chain([""]) {
        let ran = world.plumb(&format!("{command} --help")).code(0);
        assert_eq!(ran.err, "");
        assert!(ran.out.contains("Examples:"), "{command} has no example");
        let too_long = ran.out.lines().find(|l| l.chars().count() > 100);
        assert_eq!(too_long, None, "{command}");
        let examples = ran.out.split("Examples:\n").nth(1).unwrap().lines().take_while(|l| !l.is_empty());
        assert_eq!(examples.into_iter().find(|l| l.chars().count() > 80), None, "an example of {command} is wide");
        let file = folder.join(if command.is_empty() {
            "plumb.txt".into()
        } else {
            format!("{}.txt", command.replace(' ', "-"))
        });
        let text: String = ran.out.lines().map(|l| format!("{}\n", l.trim_end())).collect();
        if std::env::var_os("PLUMB_BLESS").is_some_and(|v| v == "1") {
            std::fs::create_dir_all(&folder).unwrap();
            std::fs::write(&file, text).unwrap();
        } else if std::fs::read_to_string(&file).unwrap_or_default() != text {
            failures.push(format!("{} is not:\n{text}", file.display()));
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    let all = world.plumb("--help").out;
    for command in COMMANDS.into_iter().filter(|c| !c.contains(' ')) {
        assert!(all.contains(&format!("\n  {command} ")), "{command} is not listed");
    }
}

#[test]
fn every_example_is_a_command_line_that_parses() {
    let world = World::new();
    for command in COMMANDS.into_iter().chain([""]) {
        let help = world.plumb(&format!("{command} --help")).out;
        let examples = help.split("Examples:\n").nth(1).unwrap();
        for line in examples.lines().take_while(|l| l.starts_with("  ")) {
            for part in line.split(['|', '>', '(', ')']).flat_map(|p| p.split("&&")) {
                let words: Vec<&str> =
                    part.split_whitespace().take_while(|w| w.chars().all(|c| c.is_ascii_graphic())).collect();
                if words.first() != Some(&"plumb") {
                    continue;
                }
                // Two spaces begin the explanation.
                let line = part.trim().split("  ").next().unwrap();
                let mut words: Vec<String> = divided(line).into_iter().skip(1).collect();
                words.push("--help".into());
                let words: Vec<&str> = words.iter().map(String::as_str).collect();
                // `--help` stops before anything is done, and only after the options before it were understood.
                world.plumb_with(&words).code(0);
            }
        }
    }
}

#[test]
fn typing_mistakes() {
    let world = World::new();
    shows!(world.plumb("plna"), @"
    --- stderr
    error: unrecognized subcommand 'plna'

      tip: some similar subcommands exist: 'explain', 'plan'

    Usage: plumb [OPTIONS] <COMMAND>

    For more information, try '--help'.
    --- exit 64
    ");
    shows!(world.plumb("plan --targt dev"), @"
    --- stderr
    error: unexpected argument '--targt' found

      tip: a similar argument exists: '--target'

    Usage: plumb plan --target <NAME>

    For more information, try '--help'.
    --- exit 64
    ");
    shows!(world.plumb("apply --override everything"), @"
    --- stderr
    error: invalid value 'everything' for '--override <GUARD>'
      [possible values: max-deletes, max-change-percent, branch, clean, workspace, run-now, dangling, decisions, restart]

    For more information, try '--help'.
    --- exit 64
    ");
    // Options of other commands are told where they belong.
    let of = |line: &str| world.plumb(line).code(64).err;
    assert!(of("apply --plan p.plan").contains("`plumb apply plan.json`"), "{}", of("apply --plan p.plan"));
    assert!(of("drift --target dev --heal").contains("`plumb ci drift --heal KIND`"));
    assert!(of("apply --heal").contains("`plumb ci drift --heal KIND`"));
    world.plumb("").code(64);
    world.plumb("--version").code(0);
}

#[test]
fn completions() {
    let world = World::new();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = world.plumb(&format!("completions {shell}")).code(0).out;
        assert!(script.contains("PLUMB_COMPLETE") && script.contains("plumb"), "{shell} does not ask");
    }
    shows!(world.plumb("completions tcsh"), @"
    --- stderr
    error: invalid value 'tcsh' for '<SHELL>'
      [possible values: bash, elvish, fish, powershell, zsh]

      tip: a similar value exists: 'zsh'

    For more information, try '--help'.
    --- exit 64
    ");
}

/// The words of a line, as a shell divides it: what stands in quotes is one word.
fn divided(line: &str) -> Vec<String> {
    let (mut words, mut word, mut quote) = (Vec::new(), None::<String>, None);
    for c in line.chars() {
        match (c, quote) {
            (c, Some(open)) if c == open => quote = None,
            (c, Some(_)) => word.get_or_insert_default().push(c),
            ('\'' | '"', None) => {
                word.get_or_insert_default();
                quote = Some(c);
            }
            (c, None) if c.is_whitespace() => words.extend(word.take()),
            (c, None) => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    words
}
