//! Outside text on stderr.

use plumb_core::render::value::visible;
use std::time::Duration;

/// The text with nothing hidden or active in it but its line breaks.
pub(super) fn safe(text: &str) -> String {
    let lines: Vec<String> = text
        .lines()
        .map(|line| {
            let line = visible(line);
            // A CI runner would take such a line for a command (`::error::`, `::add-mask::`).
            if line.trim_start().starts_with("::") { format!("| {line}") } else { line }
        })
        .collect();
    lines.join("\n")
}

/// `0.4 s`, `3 min 05 s`.
pub(super) fn seconds(took: Duration) -> String {
    let whole = took.as_secs();
    if whole < 60 {
        return format!("{:.1} s", took.as_secs_f64());
    }
    format!("{} min {:02} s", whole / 60, whole % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_stay_and_all_else_is_shown() {
        assert_eq!(safe("a\r\n ::error::b\u{1b}[0m\n\tc"), "a\n|  ::error::b\\u001b[0m\n\\tc");
    }

    #[test]
    fn durations_read_well() {
        assert_eq!(seconds(Duration::from_millis(420)), "0.4 s");
        assert_eq!(seconds(Duration::from_secs(185)), "3 min 05 s");
    }
}
