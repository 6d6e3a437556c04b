//! Lines that are objects of JSON: Airflow 3's task logs, and Spark 4's structured ones.

use serde_json::Value;

/// A longer line is read as text: what it would take in memory is a multiple of it.
const LONGEST: usize = 256 << 10;
/// The most exceptions of a chain, and frames of one, that are looked at.
const MOST: usize = 200;

/// What such a line says.
#[derive(Debug, Default)]
pub(super) struct JsonLine {
    pub event: String,
    /// The exceptions of a chain.
    pub thrown: Vec<JsonException>,
    /// A traceback in one text.
    pub trace: String,
}

#[derive(Debug)]
pub(super) struct JsonException {
    /// `ValueError: bad`.
    pub text: String,
    pub depth: u32,
    /// As they stand in a traceback: `File "job.py", line 12, in clean`, `at com.acme.Job.run(Job.scala:40)`.
    pub frames: Vec<String>,
    pub is_python: bool,
}

/// Reads such a line; `None` if it is none, or says nothing.
///
/// Airflow 3: `{"timestamp", "level", "event", "logger", "error_detail": [{"exc_type", "exc_value", "frames": [{"filename",
/// "lineno", "name"}]}]}`, the exception that was raised last first. Spark 4: `{"ts", "level", "msg", "exception": {"class",
/// "msg", "stacktrace": [{"class", "method", "file", "line"}]}}`.
pub(super) fn json_line(line: &[u8]) -> Option<JsonLine> {
    if line.len() > LONGEST {
        return None;
    }
    let value: Value = serde_json::from_slice(line).ok()?;
    let text = |name: &str| value.get(name).and_then(Value::as_str);
    let event = text("event").or_else(|| text("msg")).or_else(|| text("message"))?;
    let mut read = JsonLine { event: event.to_owned(), ..JsonLine::default() };
    // Airflow 3 names the signal beside its sentence; on a console it prints it so.
    if let Some(signal) = text("signal_name") {
        read.event.push_str(&format!(" signal_name={signal}"));
    }
    let details = value.get("error_detail").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    for (depth, detail) in details.iter().take(MOST).enumerate() {
        let part = |name: &str| detail.get(name).and_then(Value::as_str).unwrap_or_default();
        let frames = detail.get("frames").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        let frame = |frame: &Value| {
            let at = frame.get("lineno").and_then(Value::as_u64).unwrap_or_default();
            let part = |name: &str| frame.get(name).and_then(Value::as_str).unwrap_or_default();
            format!("File \"{}\", line {at}, in {}", part("filename"), part("name"))
        };
        read.thrown.push(JsonException {
            text: joined(part("exc_type"), part("exc_value")),
            depth: depth as u32,
            frames: frames.iter().rev().take(MOST).rev().map(frame).collect(),
            is_python: true,
        });
    }
    match value.get("exception") {
        Some(Value::String(trace)) => read.trace = trace.clone(),
        Some(exception @ Value::Object(_)) => {
            let part = |name: &str| exception.get(name).and_then(Value::as_str).unwrap_or_default();
            let frames = exception.get("stacktrace").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
            let frame = |frame: &Value| {
                let part = |name: &str| match frame.get(name) {
                    Some(Value::String(text)) => text.clone(),
                    Some(other) => other.to_string(),
                    None => String::new(),
                };
                format!("at {}.{}({}:{})", part("class"), part("method"), part("file"), part("line"))
            };
            read.thrown.push(JsonException {
                text: joined(part("class"), part("msg")),
                depth: 0,
                frames: frames.iter().take(MOST).map(frame).collect(),
                is_python: false,
            });
        }
        _ => {}
    }
    Some(read)
}

fn joined(class: &str, message: &str) -> String {
    if message.is_empty() { class.to_owned() } else { format!("{class}: {message}") }
}
