//! Paths that only EMR has: those in the cluster's HDFS, and those on the disks of its nodes.
//!
//! In Spark on EMR a path without a scheme is one in HDFS (`fs.defaultFS`). Steps copy between S3 and HDFS; where such a
//! copy is all that ties a path in HDFS to one in S3, tasks read and write S3 themselves. What is only kept in between
//! gets one root, which is a parameter of the job. Sources: EMR release guide, "Work with storage and file systems" and
//! "S3DistCp"; Hadoop, `core-default.xml`.

use super::library::s3;
use crate::detect::HIDDEN;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

/// The parameter of the job that has the root of what was in HDFS.
pub(super) const SCRATCH: &str = "scratch";
/// The folder that takes the place of HDFS until a person names another one.
pub(super) const SCRATCH_ROOT: &str = "/Volumes/main/default/scratch";

/// Where a path is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum PathLocation {
    /// `s3://bucket/key`.
    S3(String),
    /// In the cluster's HDFS: absolute, without a slash at the end.
    Hdfs(String),
    /// On a node's disk: absolute, without a slash at the end.
    Local(String),
    /// Anywhere else.
    Elsewhere,
}

/// A copy that a step makes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct StagedCopy {
    /// Counts the commands of the pipeline, in the order in which they run.
    pub position: usize,
    pub from: PathLocation,
    pub to: PathLocation,
    /// Whether all of it is copied, as it is.
    pub is_plain: bool,
}

/// A path in an argument.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct PathSpan {
    /// Where in the text it stands.
    pub range: Range<usize>,
    pub kind: PathKind,
    /// Whether the name before it says that it is written.
    pub is_written: bool,
}

/// What a path in an argument is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum PathKind {
    Hdfs(String),
    Local(String),
    /// It may be one in HDFS, and nothing says so.
    Unsure(String),
}

/// A word of a command, and what is said before it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Mention {
    /// As [`StagedCopy::position`].
    pub position: usize,
    pub text: String,
    pub flag: Option<String>,
    /// Whether nobody can tell what the command does with it.
    pub is_opaque: bool,
}

/// What is known of a pipeline's paths, and what was met while its steps were translated.
#[derive(Clone, Debug, Default)]
pub(super) struct KnownPaths {
    /// Whether the pipeline has an HDFS: a cluster has, an application of EMR Serverless has none.
    has_hdfs: bool,
    /// Paths in HDFS that a copy ties to S3.
    hdfs: BTreeMap<String, String>,
    /// Paths on the nodes that were copied from S3.
    local: BTreeMap<String, String>,
    /// Every path that something says is in HDFS.
    said: BTreeSet<String>,
    /// The paths below the root that takes the place of HDFS.
    pub scratch: BTreeSet<String>,
    /// Whether an argument of a task has that root: then it is a parameter of the job.
    pub is_parameter: bool,
    /// Properties and variables of clusters that have it.
    pub settings: BTreeSet<String>,
    /// Files on the nodes that have been asked about.
    pub asked: BTreeSet<String>,
    /// What may be a path in HDFS.
    pub unsure: BTreeSet<String>,
}

/// Whether a path is another one, or below it.
fn is_below(path: &str, root: &str) -> bool {
    path.strip_prefix(root).is_some_and(|rest| rest.is_empty() || rest.starts_with('/') || root == "/")
}

/// The folder of a path, unless that is the root.
fn folder(path: &str) -> Option<&str> {
    path.rsplit_once('/').map(|(folder, _)| folder).filter(|folder| !folder.is_empty())
}

fn tidy(path: &str) -> String {
    let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty() && *part != ".").collect();
    format!("/{}", parts.join("/"))
}

/// The path of `hdfs://host/path`, where the host is the cluster itself; `None` for another one's.
fn of_hdfs(address: &str) -> Option<String> {
    let rest = address.strip_prefix("hdfs:")?;
    let (host, path) = match rest.strip_prefix("//") {
        Some(rest) => rest.split_at(rest.find('/').unwrap_or(rest.len())),
        None => ("", rest),
    };
    let host = host.split(':').next().unwrap_or_default();
    // EMR names its nodes `ip-10-0-0-1.ec2.internal` or `ip-10-0-0-1.eu-west-1.compute.internal`.
    let is_own = host.is_empty() || host == "localhost" || host.ends_with(".internal") || host.starts_with("ip-");
    is_own.then(|| tidy(path))
}

/// Where a word is, for a program that takes a path without a scheme for one in HDFS, or for one on the node.
pub(super) fn location(word: &str, bare_is_hdfs: bool) -> PathLocation {
    let word = s3(word);
    if word.starts_with("s3://") {
        return PathLocation::S3(word);
    }
    if word.starts_with("hdfs:") {
        return of_hdfs(&word).map_or(PathLocation::Elsewhere, PathLocation::Hdfs);
    }
    if let Some(rest) = word.strip_prefix("file:") {
        return PathLocation::Local(tidy(rest));
    }
    match (word.starts_with('/'), bare_is_hdfs) {
        (true, true) => PathLocation::Hdfs(tidy(&word)),
        (true, false) => PathLocation::Local(tidy(&word)),
        _ => PathLocation::Elsewhere,
    }
}

/// The words of a name: `--outputPath` is `output`, `path`.
fn words(name: &str) -> Vec<String> {
    let (mut lower, mut before) = (String::new(), ' ');
    for c in name.chars() {
        if c.is_ascii_uppercase() && before.is_ascii_lowercase() {
            lower.push('-');
        }
        lower.push(c.to_ascii_lowercase());
        before = c;
    }
    lower.split(|c: char| !c.is_ascii_alphanumeric()).filter(|w| !w.is_empty()).map(str::to_owned).collect()
}

/// Names of what is written.
const WRITTEN: [&str; 12] = [
    "output",
    "outputs",
    "out",
    "dest",
    "destination",
    "target",
    "sink",
    "write",
    "result",
    "results",
    "checkpoint",
    "staging",
];
/// Names of what is a path otherwise.
const PATHS: [&str; 16] = [
    "path",
    "paths",
    "dir",
    "directory",
    "folder",
    "location",
    "input",
    "inputs",
    "in",
    "src",
    "source",
    "sources",
    "warehouse",
    "file",
    "files",
    "hdfs",
];
/// Names of what looks like a path and is none.
const NO_PATHS: [&str; 25] = [
    "regex",
    "regexp",
    "pattern",
    "route",
    "endpoint",
    "url",
    "api",
    "key",
    "keys",
    "prefix",
    "suffix",
    "cron",
    "format",
    "topic",
    "separator",
    "delimiter",
    "expression",
    "query",
    "date",
    "partition",
    "parameter",
    "ssm",
    "secret",
    "xpath",
    "jsonpath",
];
/// Folders of a node's own disk.
const NODE: [&str; 9] = ["/home", "/mnt", "/etc", "/usr", "/opt", "/var", "/emr", "/root", "/lib"];
/// Folders that Databricks has, or that mean the same on every machine.
const SAME: [&str; 5] = ["/Volumes", "/Workspace", "/dbfs", "/dev", "/local_disk0"];

fn is_of_node(path: &str) -> bool {
    // `/mnt`, `/mnt1` … are the node's disks.
    let is_disk = path.strip_prefix("/mnt").is_some_and(|rest| {
        let rest = rest.trim_start_matches(|c: char| c.is_ascii_digit());
        rest.is_empty() || rest.starts_with('/')
    });
    is_disk || NODE.iter().any(|root| is_below(path, root))
}

impl KnownPaths {
    /// What a cluster's copies and the words of its commands say; `fetched` are files on the nodes, each with where it came
    /// from. Which copies are followed comes with it.
    pub fn of(copies: &[StagedCopy], mentions: &[Mention], fetched: &[(String, String)]) -> (Self, Vec<bool>) {
        let mut known = KnownPaths { has_hdfs: true, ..KnownPaths::default() };
        for (to, from) in fetched {
            known.local.insert(to.clone(), from.clone());
        }
        for copy in copies {
            for end in [&copy.from, &copy.to] {
                if let PathLocation::Hdfs(path) = end {
                    known.said.insert(path.clone());
                }
            }
        }
        for Mention { text, .. } in mentions {
            for range in addresses(text, "hdfs:") {
                known.said.extend(of_hdfs(&text[range]).filter(|path| path != "/"));
            }
        }
        let mut met = Vec::new();
        for mention in mentions {
            let spans = known.spans(&mention.text, mention.flag.as_deref());
            met.extend(spans.into_iter().map(|span| (mention, span)));
        }
        let followed: Vec<bool> = copies.iter().map(|copy| is_followed(copy, copies, &met)).collect();
        for (copy, _) in copies.iter().zip(&followed).filter(|(_, followed)| **followed) {
            match (&copy.from, &copy.to) {
                (PathLocation::S3(s3), PathLocation::Hdfs(path)) | (PathLocation::Hdfs(path), PathLocation::S3(s3)) => {
                    known.hdfs.insert(path.clone(), s3.clone());
                }
                (PathLocation::S3(s3), PathLocation::Local(path)) => {
                    known.local.insert(path.clone(), s3.clone());
                }
                _ => {}
            }
        }
        (known, followed)
    }

    /// The paths of EMR in a text. `flag` is the word before it, where that is a name.
    pub fn spans(&self, text: &str, flag: Option<&str>) -> Vec<PathSpan> {
        if !self.has_hdfs {
            return Vec::new();
        }
        let (start, name) = match text.split_once('=') {
            Some((name, _)) if !name.contains(['/', ':', ' ']) => (name.len() + 1, Some(name)),
            _ => (0, flag),
        };
        let name = words(name.unwrap_or_default());
        let is_named = |list: &[&str]| name.iter().any(|word| list.contains(&word.as_str()));
        let is_written = is_named(&WRITTEN);
        let mut spans = Vec::new();
        for range in addresses(text, "hdfs:") {
            if let Some(path) = of_hdfs(&text[range.clone()]) {
                spans.push(PathSpan { range, kind: PathKind::Hdfs(path), is_written });
            }
        }
        for range in addresses(text, "file:") {
            let path = tidy(&text[range.start + "file:".len()..range.end]);
            spans.push(PathSpan { range, kind: PathKind::Local(path), is_written });
        }
        let mut at = start;
        for piece in text[start..].split(',') {
            let range = at..at + piece.len();
            at = range.end + 1;
            let kind = self.bare(piece, &name, is_written || is_named(&PATHS), is_named(&NO_PATHS));
            spans.extend(kind.map(|kind| PathSpan { range, kind, is_written }));
        }
        spans.sort_by_key(|span| span.range.start);
        spans
    }

    /// What a word without a scheme is.
    fn bare(&self, piece: &str, name: &[String], is_path: bool, is_none: bool) -> Option<PathKind> {
        let is_plain = |c: char| c.is_alphanumeric() || "/_-.=*{}:+@~%".contains(c);
        if !piece.starts_with('/') || piece.starts_with("//") || piece.contains(HIDDEN) || !piece.chars().all(is_plain)
        {
            return None;
        }
        let path = tidy(piece);
        let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
        // `/2026/10/` is a part of a path, `/.*/` an expression.
        if !parts.iter().any(|part| part.starts_with(|c: char| c.is_alphabetic() || c == '_')) {
            return None;
        }
        if SAME.iter().any(|root| is_below(&path, root)) || is_none {
            return None;
        }
        if self.said.iter().any(|known| is_below(&path, known)) || is_below(&path, "/user") {
            return Some(PathKind::Hdfs(path));
        }
        if self.local.keys().any(|known| is_below(&path, known)) || is_of_node(&path) {
            return Some(PathKind::Local(path));
        }
        if is_path && !is_below(&path, "/tmp") {
            return Some(PathKind::Hdfs(path));
        }
        let is_address = ["api", "rest", "v1", "v2"].contains(&parts[0]);
        // A folder in which something is in HDFS is one in HDFS.
        let own = folder(&path);
        if own.is_some() && name.is_empty() && self.said.iter().any(|known| folder(known) == own) {
            return Some(PathKind::Hdfs(path));
        }
        (parts.len() > 1 && !is_address && (name.is_empty() || is_path)).then_some(PathKind::Unsure(path))
    }

    /// Where a path in HDFS is now, for an argument of a task: in S3, or below the root of the job's own files.
    pub fn argument(&mut self, path: &str) -> String {
        nearest(&self.hdfs, path).unwrap_or_else(|| {
            self.is_parameter = true;
            self.scratch.insert(path.to_owned());
            format!("{{{{job.parameters.{SCRATCH}}}}}{path}")
        })
    }

    /// Where a file on the nodes came from, if that is known.
    pub fn local(&self, path: &str) -> Option<String> {
        nearest(&self.local, path)
    }

    /// The address of a file that is code: `None` where it is one of EMR's paths whose source is not known.
    pub fn code(&self, word: &str) -> Option<String> {
        match location(word.strip_prefix("local://").unwrap_or(word), false) {
            PathLocation::Hdfs(path) => nearest(&self.hdfs, &path),
            PathLocation::Local(path) => nearest(&self.local, &path).or_else(|| nearest(&self.hdfs, &path)),
            _ => None,
        }
    }

    /// A setting of a cluster with the cluster's own addresses of HDFS replaced; `None` where it has none. A cluster's
    /// settings take no parameters of the job.
    pub fn setting(&mut self, name: &str, text: &str) -> Option<String> {
        if !self.has_hdfs {
            return None;
        }
        let (mut out, mut at, mut is_changed) = (String::new(), 0, false);
        for range in addresses(text, "hdfs:") {
            let Some(path) = of_hdfs(&text[range.clone()]) else { continue };
            let new = nearest(&self.hdfs, &path).unwrap_or_else(|| {
                self.scratch.insert(path.clone());
                self.settings.insert(name.to_owned());
                format!("{SCRATCH_ROOT}{path}")
            });
            out.push_str(&text[at..range.start]);
            out.push_str(&slashed(new, &text[range.clone()]));
            (at, is_changed) = (range.end, true);
        }
        out.push_str(&text[at..]);
        is_changed.then_some(out)
    }
}

/// The new address with a slash at its end where the old one had one.
pub(super) fn slashed(new: String, old: &str) -> String {
    if old.ends_with('/') && !new.ends_with('/') { new + "/" } else { new }
}

/// The address of the longest known path that a path is, or is below.
fn nearest(known: &BTreeMap<String, String>, path: &str) -> Option<String> {
    let (root, to) = known.iter().rev().find(|(root, _)| is_below(path, root))?;
    let rest = path.strip_prefix(root.as_str()).unwrap_or_default();
    Some(if rest.is_empty() { to.clone() } else { format!("{}{rest}", to.trim_end_matches('/')) })
}

/// The addresses in a text that begin so.
fn addresses(text: &str, scheme: &str) -> Vec<Range<usize>> {
    let ends = |c: char| c.is_whitespace() || matches!(c, ',' | ';' | '"' | '\'' | ')' | ']' | '|' | '<' | '>');
    let starts = text.match_indices(scheme).map(|(at, _)| at);
    let is_start = |at: &usize| {
        !text[..*at].ends_with(|c: char| c.is_ascii_alphanumeric()) && text[at + scheme.len()..].starts_with('/')
    };
    starts.filter(is_start).map(|at| at..at + text[at..].find(ends).unwrap_or(text.len() - at)).collect()
}

/// Whether the tasks may read or write S3 in the place of a copy: nothing else may touch what it makes, an application has to
/// name it, and none may need more than it.
fn is_followed(copy: &StagedCopy, copies: &[StagedCopy], met: &[(&Mention, PathSpan)]) -> bool {
    let of = |end: &PathLocation| match end {
        PathLocation::Hdfs(path) => Some((true, path.clone())),
        PathLocation::Local(path) => Some((false, path.clone())),
        _ => None,
    };
    let ends = |copy: &StagedCopy| [of(&copy.from), of(&copy.to)].into_iter().flatten().collect::<Vec<_>>();
    let (own, is_in) = match (&copy.from, &copy.to) {
        (PathLocation::S3(_), PathLocation::Hdfs(path)) => ((true, path), true),
        (PathLocation::S3(_), PathLocation::Local(path)) => ((false, path), true),
        (PathLocation::Hdfs(path), PathLocation::S3(_)) => ((true, path), false),
        _ => return false,
    };
    let others = copies.iter().filter(|other| *other != copy).flat_map(ends);
    let is_shared =
        others.into_iter().any(|(hdfs, other)| hdfs == own.0 && (is_below(&other, own.1) || is_below(own.1, &other)));
    let uses = met.iter().filter_map(|(mention, span)| {
        let (hdfs, path) = match &span.kind {
            PathKind::Hdfs(path) => (true, path),
            PathKind::Local(path) => (false, path),
            PathKind::Unsure(_) => return None,
        };
        (hdfs == own.0).then_some((mention, path, span.is_written))
    });
    // `/in/*` is all of `/in`; `/in/*` over a copy to `/in/a` is more than that.
    let stem = |path: &str| path.split(['*', '?']).next().map(tidy).unwrap_or_default();
    let needs_more = |path: &str| is_below(own.1, &stem(path)) && stem(path) != *own.1;
    let uses: Vec<_> = uses.collect();
    let is_wrong = uses.iter().any(|(mention, path, is_written)| {
        let too_early = mention.position < copy.position;
        needs_more(path) || is_below(path, own.1) && (mention.is_opaque || is_in && (*is_written || too_early))
    });
    let is_used =
        uses.iter().any(|(mention, path, _)| is_below(path, own.1) && (is_in || mention.position < copy.position));
    copy.is_plain && !is_shared && !is_wrong && is_used && own.1 != "/"
}

#[cfg(test)]
mod tests {
    use super::*;

    fn copy(position: usize, from: &str, to: &str) -> StagedCopy {
        StagedCopy { position, from: location(from, true), to: location(to, true), is_plain: true }
    }

    fn mention(position: usize, flag: &str, text: &str) -> Mention {
        let flag = Some(flag.to_owned()).filter(|flag| !flag.is_empty());
        Mention { position, text: text.to_owned(), flag, is_opaque: false }
    }

    #[test]
    fn paths_are_told_by_their_form_and_their_name() {
        let copies = [copy(1, "s3://a/b", "hdfs:///staged"), copy(2, "/day/final", "s3://a/c")];
        let (known, _) = KnownPaths::of(&copies, &[], &[]);
        let is = |flag: &str, text: &str, wanted: &[&str]| {
            let spans = known.spans(text, Some(flag).filter(|flag| !flag.is_empty()));
            let found: Vec<String> = spans
                .iter()
                .map(|span| match &span.kind {
                    PathKind::Hdfs(path) => format!("hdfs {path}"),
                    PathKind::Local(path) => format!("local {path}"),
                    PathKind::Unsure(path) => format!("unsure {path}"),
                })
                .collect();
            assert_eq!(found, wanted, "{flag} {text}");
        };
        is("--output", "/output/day/", &["hdfs /output/day"]);
        is("", "outputPath=/out", &["hdfs /out"]);
        is("", "hdfs:///a,hdfs://ip-1.ec2.internal:8020/b", &["hdfs /a", "hdfs /b"]);
        is("--in", "/a,/b", &["hdfs /a", "hdfs /b"]);
        is("", "/staged/x", &["hdfs /staged/x"]);
        is("", "/user/hadoop/x", &["hdfs /user/hadoop/x"]);
        is("", "file:///mnt/x", &["local /mnt/x"]);
        is("--config", "/home/hadoop/conf.yml", &["local /home/hadoop/conf.yml"]);
        is("--dir", "/mnt1/x", &["local /mnt1/x"]);
        is("", "/some/path", &["unsure /some/path"]);
        // A copy says that its folder is in HDFS; of the root nothing says it.
        is("", "/day/first", &["hdfs /day/first"]);
        is("", "/days/first", &["unsure /days/first"]);
        is("", "/other", &[]);
        is("--tmp-dir", "/tmp/x", &["unsure /tmp/x"]);
        for (flag, text) in [
            ("--pattern", "/a/b/"),
            ("--ssm-path", "/prod/db/password"),
            ("--url-path", "/api/v1/users"),
            ("", "/api/v1/users"),
            ("--folder", "/2026/10/"),
            ("", "/.*/"),
            ("", "/one"),
            ("--day", "/a/b"),
            ("--out", "/Volumes/a/b/c"),
            ("--out", "//host/share"),
            ("--out", "hdfs://other.example/x"),
            ("", "0 0 * * */2"),
            ("--out", "s3://a/b/c"),
        ] {
            is(flag, text, &[]);
        }
    }

    #[test]
    fn a_copy_is_followed_only_where_nothing_else_needs_it() {
        let (into, out) = (copy(1, "s3://in/a", "hdfs:///in"), copy(3, "/out", "s3://out"));
        let followed = |copies: &[StagedCopy], mentions: &[Mention]| KnownPaths::of(copies, mentions, &[]).1;
        let both = [into.clone(), out.clone()];
        let job = [mention(2, "--input", "hdfs:///in/x"), mention(2, "--output", "/out")];
        assert_eq!(followed(&both, &job), [true, true]);
        let (mut known, _) = KnownPaths::of(&both, &job, &[]);
        assert_eq!(known.argument("/in/x"), "s3://in/a/x");
        assert_eq!(known.argument("/out"), "s3://out");
        assert_eq!(known.argument("/between"), "{{job.parameters.scratch}}/between");
        // Nobody names it: the code does, or nothing.
        assert_eq!(followed(&both, &job[..1]), [true, false]);
        // What was staged is written, or read before it is there.
        assert_eq!(followed(&both[..1], &[mention(2, "--output", "hdfs:///in")]), [false]);
        assert_eq!(followed(&both[..1], &[mention(0, "--input", "hdfs:///in")]), [false]);
        // It is copied out before it is written.
        assert_eq!(followed(&both[1..], &[mention(4, "--output", "/out")]), [false]);
        // More than it is needed.
        assert_eq!(followed(&[copy(1, "s3://in/a", "hdfs:///in/a")], &[mention(2, "--input", "hdfs:///in")]), [false]);
        assert_eq!(
            followed(&[copy(1, "s3://in/a", "hdfs:///in/a")], &[mention(2, "--input", "hdfs:///in/*")]),
            [false]
        );
        // Two make one folder, and one goes in and out.
        let two = [into.clone(), copy(1, "s3://in/b", "hdfs:///in/more")];
        assert_eq!(followed(&two, &job), [false, false]);
        assert_eq!(followed(&[into.clone(), copy(3, "hdfs:///in", "s3://out")], &job), [false, false]);
        // Nobody knows what this does with it.
        let opaque = Mention { is_opaque: true, ..mention(2, "", "hdfs:///in/y") };
        assert_eq!(followed(&both[..1], &[job[0].clone(), opaque]), [false]);
        assert_eq!(followed(&[StagedCopy { is_plain: false, ..into }], &job), [false]);
    }
}
