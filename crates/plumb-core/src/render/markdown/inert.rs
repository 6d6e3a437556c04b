//! Outside text as Markdown that means nothing: in fences and spans that it cannot end; and addresses that it cannot leave.

use crate::render::value::visible;

/// A fence that none of the lines can end.
pub(super) fn fence<'a>(lines: impl Iterator<Item = &'a str>) -> String {
    "`".repeat(lines.map(longest_run).max().unwrap_or(0).max(2) + 1)
}

/// The text as a block of code that nothing in it can end. Each line has a bar before it, so that none begins with what
/// somebody else wrote.
pub fn code_block(text: &str) -> String {
    let lines: Vec<String> = text.lines().map(|line| format!("| {}", visible(line))).collect();
    let fence = fence(lines.iter().map(String::as_str));
    format!("{fence}text\n{}\n{fence}\n", lines.join("\n"))
}

/// A code span that nothing in the text can end.
pub fn code(text: &str) -> String {
    let text = visible(text);
    let ticks = "`".repeat(longest_run(&text) + 1);
    // A space on either side is taken off again by the reader (CommonMark, "Code spans"); without it a backtick at an
    // end would lengthen the delimiter.
    let pad = if text.starts_with(['`', ' ']) || text.ends_with(['`', ' ']) || text.is_empty() { " " } else { "" };
    format!("{ticks}{pad}{text}{pad}{ticks}")
}

fn longest_run(text: &str) -> usize {
    let mut longest = 0;
    let mut run = 0;
    for c in text.chars() {
        run = if c == '`' { run + 1 } else { 0 };
        longest = longest.max(run);
    }
    longest
}

pub(in crate::render) fn html(text: &str) -> String {
    visible(text)
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
        .replace('@', "&#64;")
}

/// A link whose words mean nothing to Markdown by themselves; the bare words where nobody may follow it.
pub(super) fn link(words: &str, address: Option<&str>) -> String {
    match address.and_then(safe_link) {
        Some(address) => format!("[{words}](<{address}>)"),
        None => words.to_owned(),
    }
}

/// The address, if a reader may follow it, with everything that could end the link percent-encoded.
pub fn safe_link(link: &str) -> Option<String> {
    if !link.starts_with("https://") && !link.starts_with("http://") {
        return None;
    }
    let mut out = String::new();
    for byte in link.bytes().take(1_000) {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' => out.push(char::from(byte)),
            b'-' | b'.' | b'_' | b'~' | b'/' | b':' | b'?' | b'#' | b'&' | b'=' | b'%' | b'+' | b',' | b';' => {
                out.push(char::from(byte));
            }
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    Some(out)
}
