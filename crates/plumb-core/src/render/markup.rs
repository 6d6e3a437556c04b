//! Text that means nothing to HTML or XML, and the head that every page of ours has.

use super::value::visible;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};

/// The start of a page that needs nothing else and may do nothing: no script, no address that is loaded, no form.
pub(super) fn page(title: &str, style: &str) -> String {
    head(title, style, "")
}

/// The same of a page that ends with [`script`]: this one text may run, and nothing else, wherever it stands.
pub(super) fn page_with(title: &str, style: &str, script: &str) -> String {
    head(title, style, &format!(" script-src 'sha256-{}';", STANDARD.encode(Sha256::digest(script))))
}

/// The script of [`page_with`], as it stands before the end of the body.
pub(super) fn script(script: &str) -> String {
    format!("<script>{script}</script>\n")
}

fn head(title: &str, style: &str, scripts: &str) -> String {
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline';{scripts} \
         form-action 'none'; base-uri 'none'\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>{}</title>\n<style>{style}</style>\n</head>\n<body>\n",
        html(title)
    )
}

/// Text that means nothing to HTML, also within an attribute, with nothing hidden in it.
pub(super) fn html(text: &str) -> String {
    entities(&visible(text), "&#39;")
}

/// Text that means nothing to XML 1.0, which has no way to write U+FFFE and U+FFFF: they are dropped.
pub(super) fn xml(text: &str) -> String {
    entities(&visible(text).replace(['\u{fffe}', '\u{ffff}'], ""), "&apos;")
}

fn entities(text: &str, apostrophe: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str(apostrophe),
            c => out.push(c),
        }
    }
    out
}
