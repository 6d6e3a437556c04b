//! What values look like: secrets that are known by their form, and what is plainly none.

use super::chance;
use std::ops::Range;

/// How credentials of some services begin, and how long they are at least.
/// Sources: IAM, "Unique identifiers" (AKIA, ASIA); GitHub, "About authentication", token formats; GitLab, "Token
/// overview"; Slack, "Token types"; Databricks, "Personal access tokens" (dapi) and OAuth secrets (dose); Google Cloud,
/// "API keys" (AIza); Stripe, "API keys"; Vault, "Tokens" (hvs.); npm, PyPI, Docker and SendGrid likewise.
const PREFIXES: [(&str, usize); 34] = [
    ("ghp_", 20),
    ("gho_", 20),
    ("ghu_", 20),
    ("ghs_", 20),
    ("ghr_", 20),
    ("github_pat_", 22),
    ("glpat-", 20),
    ("xoxa-", 15),
    ("xoxb-", 15),
    ("xoxp-", 15),
    ("xoxr-", 15),
    ("xoxs-", 15),
    ("xapp-", 15),
    ("dapi", 30),
    ("dose", 30),
    ("dkea", 30),
    ("AIza", 39),
    ("sk_live_", 20),
    ("rk_live_", 20),
    ("sk_test_", 20),
    ("rk_test_", 20),
    ("sk-ant-", 20),
    ("sk-proj-", 20),
    ("whsec_", 20),
    ("hvs.", 20),
    ("hvb.", 20),
    ("ya29.", 20),
    ("SG.", 40),
    ("npm_", 36),
    ("pypi-AgE", 40),
    ("dckr_pat_", 20),
    ("shpat_", 20),
    ("AGE-SECRET-KEY-", 30),
    ("dp.pt.", 20),
];

/// Whether a word is a credential by its form: a prefix that a service gives its tokens, an access key of AWS, a JWT.
pub fn is_token(word: &str) -> bool {
    let jwt = word.starts_with("eyJ") && word.len() >= 15 && word.matches('.').count() >= 2;
    let prefixed = |(prefix, least): &(&str, usize)| {
        let Some(rest) = word.strip_prefix(prefix) else { return false };
        // What follows four small letters has to be more than a word: `dapibus…`, `dose-…` are words too.
        let small = prefix.len() == 4 && prefix.bytes().all(|b| b.is_ascii_lowercase());
        word.len() >= *least && (!small || rest.bytes().filter(u8::is_ascii_digit).count() >= 4)
    };
    is_key_id(word) || jwt || PREFIXES.iter().any(prefixed)
}

/// Whether a word is the id of an access key of AWS.
pub(super) fn is_key_id(word: &str) -> bool {
    (word.starts_with("AKIA") || word.starts_with("ASIA"))
        && word.len() == 20
        && word.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit())
}

/// Whether a word has the form of a secret key of AWS: forty characters of base64, as random as they come.
pub(super) fn is_aws_secret(word: &str) -> bool {
    word.len() == 40
        && !word.starts_with('/')
        && word.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'/' | b'+'))
        && classes(word) >= 3
        && bits(word) >= 4.3
        && flips(word) >= 13
}

/// Whether a text of a secret's name is random enough to be one, and not a path, a column, a number, a date or an id.
pub(super) fn is_random(text: &str) -> bool {
    let hex = text.len() >= 32
        && text.bytes().all(|b| b.is_ascii_hexdigit())
        && text.bytes().any(|b| b.is_ascii_alphabetic());
    let mixed = text.len() >= 20
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'=' | b'_' | b'-' | b'~' | b'!' | b'%'))
        && classes(text) >= 3
        && bits(text) >= 3.5
        && flips(text) >= 6;
    hex || mixed || chance::is_base64(text, 20)
}

/// Of small letters, great letters and digits, how many there are.
pub(super) fn classes(text: &str) -> usize {
    let of: [fn(&u8) -> bool; 3] = [u8::is_ascii_uppercase, u8::is_ascii_lowercase, u8::is_ascii_digit];
    of.iter().filter(|of| text.bytes().any(|b| of(&b))).count()
}

/// How often the class of a character is another than that of the one before: words keep to one, random texts do not.
pub(super) fn flips(text: &str) -> usize {
    let class = |b: u8| match b {
        b'a'..=b'z' => 0,
        b'A'..=b'Z' => 1,
        b'0'..=b'9' => 2,
        _ => 3,
    };
    text.as_bytes().windows(2).filter(|pair| class(pair[0]) != class(pair[1])).count()
}

/// Shannon's entropy of a text, in bits a character.
pub(super) fn bits(text: &str) -> f64 {
    let mut counts = [0_u32; 256];
    text.bytes().for_each(|b| counts[usize::from(b)] += 1);
    let all = text.len() as f64;
    counts.iter().filter(|n| **n > 0).map(|n| f64::from(*n) / all).map(|p| -p * p.log2()).sum()
}

/// Whether a text refers to a secret or stands for one, and so is none: `{{secrets/scope/key}}`, `${env.NAME}`,
/// `$PASSWORD`, `(secret)`, `***`; or nothing at all.
pub(super) fn is_reference(text: &str) -> bool {
    let text = text.trim();
    let inner = |open: &str, close: &str| text.starts_with(open) && text.ends_with(close);
    text.is_empty()
        || text.contains("{{")
        || is_variable(text)
        || text.contains("${")
        || text.starts_with("(secret")
        || inner("<", ">")
        || inner("%(", ")s")
        || ["arn:", "op://", "vault:", "akv:", "ssm:"].iter().any(|start| text.starts_with(start))
        || matches!(text.to_ascii_lowercase().as_str(), "true" | "false" | "none" | "null" | "yes" | "no")
        || text.len() >= 3 && text.chars().all(|c| matches!(c, '*' | 'x' | 'X' | '.' | '•'))
}

/// Whether a text is a variable of a shell, `$DB_PASSWORD`, `$db_pw`, `$1` or `$(cat x)`, and not a password with a dollar
/// in front, `$ecret1`.
fn is_variable(text: &str) -> bool {
    let Some(name) = text.strip_prefix('$') else { return false };
    let lower = name.to_ascii_lowercase();
    let speaks = ["pass", "pwd", "_pw", "token", "secret", "key", "cred"].iter().any(|word| lower.contains(word));
    name.is_empty()
        || name.starts_with(['(', '{'])
        || name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
            && (speaks || !name.bytes().any(|b| b.is_ascii_lowercase()))
}

/// Whether a text names a key of AWS KMS: its id, that of one in several regions, or another name of it.
pub(super) fn is_key_id_of_kms(text: &str) -> bool {
    let hex = |part: &str, length: usize| part.len() == length && part.bytes().all(|b| b.is_ascii_hexdigit());
    let parts: Vec<&str> = text.split('-').collect();
    let uuid = parts.len() == 5 && parts.iter().zip([8, 4, 4, 4, 12]).all(|(part, length)| hex(part, length));
    uuid || text.strip_prefix("mrk-").is_some_and(|id| hex(id, 32)) || text.starts_with("alias/")
}

/// Whether a text is an address of data, which no secret is, whatever it is called.
pub(super) fn is_address(text: &str) -> bool {
    const STARTS: [&str; 11] = [
        "s3://",
        "s3a://",
        "s3n://",
        "hdfs://",
        "gs://",
        "abfss://",
        "wasbs://",
        "dbfs:/",
        "file:/",
        "/Volumes/",
        "/dbfs/",
    ];
    STARTS.iter().any(|start| text.starts_with(start))
}

/// Whether a text is a path, of where a secret may be kept.
pub(super) fn is_path(text: &str) -> bool {
    const ENDS: [&str; 14] = [
        ".pem",
        ".key",
        ".json",
        ".txt",
        ".jks",
        ".p12",
        ".pfx",
        ".crt",
        ".csv",
        ".parquet",
        ".yaml",
        ".yml",
        ".conf",
        ".properties",
    ];
    let small =
        |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '_' | '-' | '.' | '/' | '=' | '*');
    let is_way = text.contains('/') && text.chars().all(small) && !text.contains("==");
    // From the root on, names may have great letters, but are names.
    let is_absolute = text.starts_with('/') && text.split('/').all(|part| flips(part) <= 4 && !is_random(part));
    let starts = ["./", "../", "~/"].iter().any(|start| text.starts_with(start));
    is_address(text) || starts || is_way || is_absolute || ENDS.iter().any(|end| text.ends_with(end))
}

/// The words of a text that are credentials by their form.
pub(super) fn tokens(text: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    // Some have dots in them, some stand behind one.
    for dots in [true, false] {
        words(text, |c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-') || dots && c == '.', &mut |range| {
            let word = text[range.clone()].trim_end_matches('.');
            if is_token(word) {
                found.push(range.start..range.start + word.len());
            }
        });
    }
    words(text, |c| c.is_ascii_alphanumeric(), &mut |range| {
        if is_key_id(&text[range.clone()]) {
            found.push(range);
        }
    });
    words(text, |c| c.is_ascii_alphanumeric() || matches!(c, '/' | '+'), &mut |range| {
        if is_aws_secret(&text[range.clone()]) {
            found.push(range);
        }
    });
    found.extend(behind_schemes(text));
    found
}

fn words(text: &str, is_word: impl Fn(char) -> bool, each: &mut dyn FnMut(Range<usize>)) {
    let mut start = None;
    for (at, c) in text.char_indices().chain([(text.len(), '\0')]) {
        match (start, is_word(c) && at < text.len()) {
            (None, true) => start = Some(at),
            (Some(from), false) => {
                each(from..at);
                start = None;
            }
            _ => {}
        }
    }
}

/// What follows `Bearer` or `Basic`, as in a header.
fn behind_schemes(text: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut after = false;
    words(text, |c| c.is_ascii_alphanumeric() || "._~+/=-".contains(c), &mut |range| {
        let word = &text[range.clone()];
        if after && word.len() >= 16 {
            found.push(range);
        }
        after = word.eq_ignore_ascii_case("bearer") || word.eq_ignore_ascii_case("basic");
    });
    found
}

/// Private keys in PEM: from the first line to the last, or to the end.
pub(super) fn private_keys(text: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut from = 0;
    while let Some(at) = text[from..].find("-----BEGIN ").map(|at| from + at) {
        let line = &text[at..];
        let head = line[11..].find("-----").map_or("", |end| &line[11..11 + end]);
        if !head.ends_with("PRIVATE KEY") && !head.ends_with("PRIVATE KEY BLOCK") {
            from = at + 11;
            continue;
        }
        let end = match line.find("-----END ") {
            Some(end) => line[end + 9..].find("-----").map_or(line.len(), |dashes| end + 9 + dashes + 5),
            None => line.len(),
        };
        found.push(at..at + end);
        from = at + end;
    }
    found
}

/// What stands in addresses: the passwords of `scheme://user:password@host` and of Oracle's `thin:user/password@host`, and
/// the end of a webhook, with which everybody may post.
pub(super) fn logins(text: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    for (from, rest) in behind(text, "jdbc:oracle:") {
        let Some(sign) = rest.find('@') else { continue };
        if let Some(slash) = rest[..sign].find('/')
            && !is_reference(&rest[slash + 1..sign])
        {
            found.push(from + slash + 1..from + sign);
        }
    }
    for hook in ["hooks.slack.com/services/", "discord.com/api/webhooks/"] {
        for (from, rest) in behind(text, hook) {
            if let Some(slash) = rest.rfind('/')
                && !is_reference(&rest[slash + 1..])
            {
                found.push(from + slash + 1..from + rest.len());
            }
        }
    }
    for (at, _) in text.match_indices("://") {
        let from = at + 3;
        let rest = &text[from..];
        let end =
            rest.find(|c: char| c.is_whitespace() || matches!(c, '/' | '"' | '\'' | '?' | '#')).unwrap_or(rest.len());
        let Some(sign) = rest[..end].rfind('@') else { continue };
        let Some(colon) = rest[..sign].find(':') else { continue };
        if !is_reference(&rest[colon + 1..sign]) {
            found.push(from + colon + 1..from + sign);
        }
    }
    found
}

/// What stands behind each of the places where an address begins so, and from where on: up to its end, or the next one.
fn behind<'t>(text: &'t str, start: &str) -> Vec<(usize, &'t str)> {
    let ends = |c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '?' | '#' | ',');
    let mut at = 0;
    let mut parts = text.split(start).map(|part| {
        let from = at;
        at += part.len() + start.len();
        (from, &part[..part.find(ends).unwrap_or(part.len())])
    });
    parts.next();
    parts.collect()
}
