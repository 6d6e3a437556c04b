//! Reads logs as `plumb diagnose PATH` does, and prints what was found and no verdict: a line a clue, tab-separated. For
//! measuring the engine, and for looking at a catalogue.
//!
//! `cargo run --release --example scan_logs -- PATH|- [SIGNATURES-FOLDER]`
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "it is a tool")]

use plumb::logs::{LogInput, LogOptions, read};
use plumb_core::diagnose::Catalogue;
use plumb_core::diagnose::catalogue::Source;
use std::path::Path;
use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("error: {why}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &[String]) -> Result<(), String> {
    let path = arguments.first().ok_or("give a path, or `-`")?;
    let mut project = Vec::new();
    for folder in &arguments[1..] {
        for entry in std::fs::read_dir(folder).map_err(|e| e.to_string())?.flatten() {
            let text = std::fs::read_to_string(entry.path()).map_err(|e| e.to_string())?;
            project.push(Source { file: entry.path().to_string_lossy().into_owned(), text });
        }
    }
    let catalogue = Catalogue::with(&project).map_err(|e| e.to_string())?;
    let mut stdin = std::io::stdin();
    let input = if path == "-" { LogInput::Stream(&mut stdin) } else { LogInput::Path(Path::new(path)) };
    let facts = read(&catalogue, input, &LogOptions::default()).map_err(|e| format!("{e}; {}", e.help()))?;
    for clue in &facts.clues {
        println!(
            "{}:{}\t{}\t{:?}\t{:?}\tevent {} depth {} +{}\t{}\t{}\t{}",
            clue.place.file,
            clue.place.line.unwrap_or_default(),
            clue.class,
            clue.role,
            clue.strength,
            clue.event,
            clue.depth,
            clue.count,
            clue.at.map(|at| at.to_string()).unwrap_or_default(),
            clue.frame.as_deref().unwrap_or_default(),
            clue.text.chars().take(160).collect::<String>(),
        );
    }
    for missing in &facts.missing {
        println!("missing\t{}\t{}", missing.what, missing.why);
    }
    println!("read\t{} files\t{} bytes\t{} relations", facts.read.files, facts.read.bytes, facts.relations.len());
    Ok(())
}
