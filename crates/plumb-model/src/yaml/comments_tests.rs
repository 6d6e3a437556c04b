//! Texts whose comments are known, and a law: what stands in a value is never a comment, and what stands beside one always is.

use super::*;
use crate::yaml::{FileId, Files, Limits, Problems, parse};
use proptest::prelude::*;

/// The comments of a text, each with its document.
fn found(text: &str) -> Vec<(&str, Option<usize>)> {
    let all = comments(text).unwrap_or_else(|| panic!("not valid: {text}"));
    all.iter().map(|comment| (&text[comment.start..comment.end], comment.document)).collect()
}

fn texts(text: &str) -> Vec<&str> {
    found(text).into_iter().map(|(comment, _)| comment).collect()
}

#[test]
fn a_comment_is_what_begins_outside_of_every_value() {
    for (text, wanted) in [
        ("# a\nx: 1 # b\n  # c\n# d", &["# a", "# b", "# c", "# d"][..]),
        ("x: a#b\ny: '# no' # yes\nz: \"\\\" # no\" # and\n", &["# yes", "# and"]),
        ("x: 'it''s # no'\n", &[]),
        ("x: 'over\n  # no\n  lines' # yes\n", &["# yes"]),
        ("x: | # head\n  # no\n  a\n\n  # no\n# yes\ny: 1\n", &["# head", "# yes"]),
        // With nothing in it, what follows is no text of it.
        ("a:\n  x: |\n  # yes\n  y: 1\n", &["# yes"]),
        ("a:\n  x: |2-\n    # no\n  # yes\n  y: 1\n", &["# yes"]),
        ("- >-\n  # no\n  b\n# yes\n- # and\n  c: 1\n", &["# yes", "# and"]),
        ("x: |+\n  a\n\n# yes\n", &["# yes"]),
        ("x: |\n  # no, up to the end", &[]),
        ("\u{feff}# é\r\nx: 'ü # no'\r\ny: |\r\n  # nö\r\n# yes\r\n", &["# é", "# yes"]),
        ("? '# no' # yes\n: [1, 2] # and\nb: {c: '#', d: 1} # too\n", &["# yes", "# and", "# too"]),
        ("x: &a 'b # no' # yes\ny: *a # and\nz: !!str '# no'\n", &["# yes", "# and"]),
        (
            "x: &a | # head\n  # no\n# yes\ny: !!str # tag's\n  '# no'\nz: !!str &b >- # too\n  | # no\n",
            &["# head", "# yes", "# tag's", "# too"],
        ),
        ("x: |\n  | # no\n  > # no\n", &[]),
        ("x: | # head", &["# head"]),
        ("x:\n  |\n  # no\n", &[]),
        ("", &[]),
        ("# alone\n", &["# alone"]),
        ("#", &["#"]),
    ] {
        assert_eq!(texts(text), wanted, "{text}");
    }
    assert_eq!(comments("x: [\n# a"), None);
    assert_eq!(comments("x: 'open # a"), None);
}

#[test]
fn a_comment_belongs_to_the_document_in_which_it_stands() {
    for (text, wanted) in [
        ("# a\na: 1\n# b\n---\n# c\nb: 2\n# d\n", &[Some(0), Some(0), Some(1), Some(1)][..]),
        ("# a\n---\n# b\na: 1\n--- # c\nb: 2 # d\n...\n# e\n", &[Some(0), Some(0), Some(1), Some(1), Some(1)]),
        // An empty document has none of its own: they are the next one's, or the last one's.
        ("---\n# a\n---\nb: 1\n---\n# c\n---\n---\nd: 2\n---\n# e\n", &[Some(0), Some(1), Some(1)]),
        ("a: |\n  # no\n  --- # no\n---\nb: 1 # b\n", &[Some(1)]),
        ("# a\n---\n# b\n", &[None, None]),
        ("--- ~ # a\n---\nb: 1 # b\n", &[Some(0), Some(1)]),
        ("a: 1\n...\n# a\n---\nb: 1 # b\n", &[Some(0), Some(1)]),
    ] {
        let documents: Vec<Option<usize>> = found(text).into_iter().map(|(_, document)| document).collect();
        assert_eq!(documents, wanted, "{text}");
        let (mut files, mut problems) = (Files::default(), Problems::default());
        let file: FileId = files.add("a.yaml", text);
        let read = parse(text, file, &Limits::default(), &mut problems).len();
        assert!(documents.iter().flatten().all(|document| *document < read), "{text}: {read} documents");
    }
}

/// A value, and how it is written.
#[derive(Clone, Debug)]
enum Written {
    Plain,
    Single(Vec<String>),
    Double(Vec<String>),
    Block {
        folded: bool,
        sign: &'static str,
        lines: Vec<String>,
    },
    Flow(Vec<String>),
    /// Behind an anchor or a tag.
    With(&'static str, Box<Written>),
    /// Members, each with whether a comment stands above it, and behind its value or its key.
    Map(Vec<(Written, bool, bool)>),
    Seq(Vec<(Written, bool, bool)>),
}

/// What looks as much like a comment as it can.
fn hostile() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("# DECISION: no".to_owned()),
        Just("a # DECISION: no".to_owned()),
        Just("#".to_owned()),
        Just("x: 'y' # DECISION: no".to_owned()),
        Just("it's \"so\" # DECISION: no".to_owned()),
        Just("- # DECISION: no".to_owned()),
        Just("é | # no".to_owned()),
        Just("| # no".to_owned()),
        Just("&a !b # no".to_owned()),
        Just("--- # no".to_owned()),
        "[a-z]{1,8}",
    ]
}

fn written() -> impl Strategy<Value = Written> {
    let lines = || prop::collection::vec(hostile(), 1..4);
    let leaf = prop_oneof![
        Just(Written::Plain),
        lines().prop_map(Written::Single),
        lines().prop_map(Written::Double),
        (any::<bool>(), prop::sample::select(vec!["", "-", "+", "2", "2-"]), lines())
            .prop_map(|(folded, sign, lines)| Written::Block { folded, sign, lines }),
        lines().prop_map(Written::Flow),
    ];
    let anchored = (leaf.clone(), prop::sample::select(vec!["", " !!str", " !!str &a"]));
    let leaf = prop_oneof![leaf, anchored.prop_map(|(value, property)| Written::With(property, Box::new(value)))];
    leaf.prop_recursive(3, 16, 4, |inner| {
        let members = prop::collection::vec((inner, any::<bool>(), any::<bool>()), 1..4);
        prop_oneof![members.clone().prop_map(Written::Map), members.prop_map(Written::Seq)]
    })
}

/// Writes a text, and keeps what comments it has.
#[derive(Default)]
struct CommentWriter {
    text: String,
    comments: Vec<(String, Option<usize>)>,
    document: usize,
}

impl CommentWriter {
    fn comment(&mut self) {
        let comment = format!("# DECISION: {}", self.comments.len());
        self.text.push_str(&comment);
        self.comments.push((comment, Some(self.document)));
    }

    fn end(&mut self, commented: bool) {
        if commented {
            self.text.push(' ');
            self.comment();
        }
        self.text.push('\n');
    }

    fn members(&mut self, list: &[(Written, bool, bool)], indent: usize, is_map: bool) {
        let space = " ".repeat(indent);
        for (number, (value, above, behind)) in list.iter().enumerate() {
            if *above {
                self.text.push_str(&space);
                self.comment();
                self.text.push('\n');
            }
            let head = if is_map { format!("k{number}:") } else { "-".to_owned() };
            self.text.push_str(&format!("{space}{head}"));
            self.value(value, indent, *behind);
        }
    }

    fn value(&mut self, value: &Written, indent: usize, behind: bool) {
        let space = " ".repeat(indent + 2);
        let joined = |lines: &[String]| lines.join(&format!("\n{space}"));
        match value {
            Written::Plain => {
                self.text.push_str(" a#b");
                self.end(behind);
            }
            Written::Single(lines) => {
                self.text.push_str(&format!(" '{}'", joined(lines).replace('\'', "''")));
                self.end(behind);
            }
            Written::Double(lines) => {
                self.text.push_str(&format!(" \"{}\"", joined(lines).replace('"', "\\\"")));
                self.end(behind);
            }
            Written::Flow(lines) => {
                let quoted: Vec<String> = lines.iter().map(|line| format!("'{}'", line.replace('\'', "''"))).collect();
                self.text.push_str(&format!(" [{}]", quoted.join(", ")));
                self.end(behind);
            }
            Written::Block { folded, sign, lines } => {
                self.text.push_str(&format!(" {}{sign}", if *folded { '>' } else { '|' }));
                self.end(behind);
                self.text.push_str(&format!("{space}{}\n", joined(lines)));
            }
            Written::With(property, value) => {
                let is_text = !matches!(**value, Written::Flow(_) | Written::Plain);
                self.text.push_str(if is_text { property } else { "" });
                self.value(value, indent, behind);
            }
            Written::Map(list) => {
                self.end(behind);
                self.members(list, indent + 2, true);
            }
            Written::Seq(list) => {
                self.end(behind);
                self.members(list, indent + 2, false);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    /// Of text that looks like a comment none is one, and of comments none is missed, whatever stands around them.
    #[test]
    fn text_is_never_a_comment_and_no_comment_is_missed(
        documents in prop::collection::vec(prop::collection::vec((written(), any::<bool>(), any::<bool>()), 1..4), 1..4),
    ) {
        let mut writer = CommentWriter::default();
        for (number, members) in documents.iter().enumerate() {
            writer.document = number;
            if number > 0 {
                writer.text.push_str("---\n");
            }
            writer.members(members, 0, true);
        }
        let (text, wanted) = (writer.text, writer.comments);
        for text in [text.clone(), text.replace('\n', "\r\n")] {
            let found: Vec<(String, Option<usize>)> =
                found(&text).into_iter().map(|(comment, document)| (comment.to_owned(), document)).collect();
            prop_assert_eq!(&found, &wanted, "{}", text);
        }
    }
}
