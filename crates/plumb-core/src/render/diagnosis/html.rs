//! Diagnoses as one page that people forward: no script, no address that is loaded, the cause first.

use super::super::markup::{html as safe, page};
use super::DiagnosisContext;
use super::words::{attempts, confidence, ended, ids, place, read, retry, without_cause};
use crate::diagnose::Diagnosis;
use crate::diagnose::result::{Confidence, DiagnosedCause, EvidenceLine, RunOutcome};

const STYLE: &str = include_str!("style.css");

/// The whole page.
pub fn html(diagnoses: &[Diagnosis], context: &DiagnosisContext) -> String {
    let title = match diagnoses {
        [one] => format!("Why {} failed", one.name),
        several => format!("Why {} runs failed", several.len()),
    };
    let mut out = page(&title, STYLE);
    out.push_str("<main>\n");
    for one in diagnoses {
        article(&mut out, one, context);
    }
    if diagnoses.is_empty() {
        out.push_str("<p>Every last run is green.</p>\n");
    }
    out.push_str("</main>\n</body>\n</html>\n");
    out
}

fn article(out: &mut String, diagnosis: &Diagnosis, context: &DiagnosisContext) {
    let class = match diagnosis.outcome {
        RunOutcome::Failed => "bad",
        RunOutcome::Succeeded => "ok",
        _ => "none",
    };
    let ids = ids(diagnosis).map(|ids| format!(" <span class=\"soft\">({})</span>", safe(&ids))).unwrap_or_default();
    out.push_str(&format!(
        "<article>\n<h1><bdi>{}</bdi></h1>\n<p class=\"{class}\">{}{ids}</p>\n",
        safe(&diagnosis.name),
        safe(&ended(diagnosis))
    ));
    match &diagnosis.cause {
        None => {
            out.push_str(&format!(
                "<section class=\"box none\"><h2>Cause {}</h2></section>\n",
                without_cause(diagnosis)
            ));
            evidence(out, &diagnosis.look_at);
        }
        Some(cause) => {
            one(out, "Cause", cause);
            chain(out, diagnosis);
            if let Some(attempts) = attempts(diagnosis) {
                out.push_str(&format!("<p>{attempts}.</p>\n"));
            }
            evidence(out, &cause.evidence);
            for other in &diagnosis.also {
                one(out, "Or", other);
                evidence(out, &other.evidence);
            }
        }
    }
    changes(out, diagnosis, context);
    foot(out, diagnosis, context);
    out.push_str("</article>\n");
}

fn one(out: &mut String, label: &str, cause: &DiagnosedCause) {
    let class = match cause.confidence {
        Confidence::Certain => "certain",
        Confidence::Likely => "likely",
        Confidence::Possible => "possible",
    };
    out.push_str(&format!(
        "<section class=\"box {class}\"><p class=\"over\">{label}</p><h2><bdi>{}</bdi></h2>\
         <p><code>{}</code> <strong>{}</strong>: <bdi>{}</bdi></p></section>\n",
        safe(&cause.title),
        safe(&cause.class),
        confidence(cause.confidence),
        safe(&cause.reason)
    ));
}

fn chain(out: &mut String, diagnosis: &Diagnosis) {
    if diagnosis.chain.len() < 2 {
        return;
    }
    out.push_str("<ol class=\"chain\">");
    for link in &diagnosis.chain {
        out.push_str(&format!("<li><bdi>{}</bdi></li>", safe(&link.words)));
    }
    out.push_str("</ol>\n");
}

fn evidence(out: &mut String, lines: &[EvidenceLine]) {
    if lines.is_empty() {
        return;
    }
    out.push_str("<table>\n<thead><tr><th>when</th><th>where</th><th>what it says</th></tr></thead>\n<tbody>\n");
    for line in lines {
        let at = line.at.map(|at| at.strftime("%H:%M:%S").to_string()).unwrap_or_default();
        let more =
            if line.more > 0 { format!(" <span class=\"soft\">+ {} like it</span>", line.more) } else { String::new() };
        out.push_str(&format!(
            "<tr><td>{at}</td><td><code>{}</code>{more}</td><td><code>{}</code></td></tr>\n",
            safe(&place(line)),
            safe(&line.text)
        ));
    }
    out.push_str("</tbody>\n</table>\n");
}

fn changes(out: &mut String, diagnosis: &Diagnosis, context: &DiagnosisContext) {
    for change in &diagnosis.change {
        out.push_str(&format!(
            "<h3>Change <code>{}:{}</code></h3>\n<p><bdi>{}</bdi></p>\n<pre>",
            safe(&change.file),
            change.line,
            safe(&change.why)
        ));
        for line in change.patch.lines() {
            let class = match line.as_bytes().first() {
                Some(b'-') => "gone",
                Some(b'+') => "new",
                _ => "same",
            };
            out.push_str(&format!("<span class=\"{class}\">{}</span>\n", safe(line)));
        }
        out.push_str("</pre>\n");
        if let Some(with) = &context.patch_with {
            out.push_str(&format!("<p class=\"soft\"><code>{}</code> writes it.</p>\n", safe(with)));
        }
    }
    for advice in &diagnosis.advice {
        out.push_str(&format!("<h3>Do</h3>\n<p><bdi>{}</bdi></p>\n", safe(&advice.text)));
        if let Some(snippet) = &advice.snippet {
            let lines: Vec<String> = snippet.lines().map(safe).collect();
            out.push_str(&format!("<pre>{}</pre>\n", lines.join("\n")));
        }
    }
}

fn foot(out: &mut String, diagnosis: &Diagnosis, context: &DiagnosisContext) {
    out.push_str("<dl>\n");
    let mut row =
        |name: &str, says: &str| out.push_str(&format!("<dt>{name}</dt><dd><bdi>{}</bdi></dd>\n", safe(says)));
    if let Some(advice) = diagnosis.retry {
        row("Retry", retry(advice));
    }
    if let Some(fingerprint) = &diagnosis.fingerprint {
        row("Fingerprint", fingerprint);
    }
    if let Some(before) = &context.before {
        row("Before", before);
    }
    row("Read", &read(&diagnosis.read));
    for missing in &diagnosis.missing {
        let remedy = missing.remedy.as_ref().map(|remedy| format!(": {remedy}")).unwrap_or_default();
        row("Missing", &format!("{}: {}{remedy}", missing.what, missing.why));
    }
    out.push_str("</dl>\n");
}
