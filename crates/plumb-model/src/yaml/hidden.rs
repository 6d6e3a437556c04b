//! Characters that do not show.

/// Whether a character shows nothing, looks like another, or does something to the text around it: C0 and C1 controls,
/// separators, bidirectional controls (CVE-2021-42574), invisible format characters, fillers, variation selectors, and
/// all spaces but the ordinary and the ideographic one. The emoji selector U+FE0F and the ideographic space may stay:
/// too much ordinary text has them.
pub fn is_hidden(c: char) -> bool {
    c.is_control()
        || (c.is_whitespace() && !matches!(c, ' ' | '\u{3000}'))
        || matches!(c,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{2800}' | '\u{3164}'
            | '\u{fe00}'..='\u{fe0e}' | '\u{feff}' | '\u{ffa0}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}')
}

/// Whether a text has something hidden in it, line breaks and tabs aside.
pub fn hides(text: &str) -> bool {
    text.chars().any(|c| is_hidden(c) && !matches!(c, '\n' | '\r' | '\t'))
}

/// A text in double quotes, with everything that does not show written out.
pub fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if !is_hidden(c) => out.push(c),
            c if u32::from(c) <= 0xffff => out.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => out.push_str(&format!("\\U{:08x}", u32::from(c))),
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::yaml::{Files, Limits, Problems, parse};

    #[test]
    fn what_does_not_show_is_written_out_and_read_as_it_was() {
        let text = "a\u{202e}b\u{200b}\u{e0041}\u{feff}\u{3164}\n\t\r\"\\ é\u{fe0f}\u{7f}";
        let written = quoted(text);
        assert!(hides(text) && !hides(&written), "{written}");
        assert!(written.contains(r"\u202e") && written.contains(r"\U000e0041"), "{written}");
        let (mut files, mut problems) = (Files::default(), Problems::default());
        let file = files.add("a", written.as_str());
        let read = parse(&written, file, &Limits::default(), &mut problems);
        assert_eq!(read[0].as_str(), Some(text));
        assert!(!hides("a\r\n\tb é 数据 ⚠\u{fe0f}"));
    }
}
