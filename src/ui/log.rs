//! The log: a line a request, into a file or onto stderr. For whoever finds out what a plan did on the wire.

use crate::services::http::LOG;
use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::Mutex;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

/// Begins to write the log: into `file`, after what is in it, or onto stderr. To be called once, before any request.
pub fn start(file: Option<&Path>) -> io::Result<()> {
    match file {
        Some(path) => begin(Mutex::new(File::options().create(true).append(true).open(path)?)),
        None => begin(io::stderr),
    }
    Ok(())
}

fn begin(writer: impl for<'w> MakeWriter<'w> + Send + Sync + 'static) {
    let lines = tracing_subscriber::fmt::layer().with_ansi(false).with_target(false).with_level(false);
    // What libraries log is theirs, and may show headers.
    let ours = Targets::new().with_target(LOG, LevelFilter::DEBUG);
    // It fails only when there is one already: a test's.
    let _ = tracing_subscriber::registry().with(lines.with_writer(writer)).with(ours).try_init();
}
