//! The command `plumb`: parses, runs, exits.

fn main() -> std::process::ExitCode {
    plumb::cli::run(std::env::args_os()).into()
}
