//! Following a path through a spec, by the rules of its kind.

use plumb_model::schema::{Field, KeyBy, Path, Rules, Segment, Shape};
use plumb_model::yaml::{Node, Tree, nearest};

/// The field of a member or entry.
pub(super) fn member<'r>(rules: &'r Rules, field: &'r Field, key: &str) -> Option<&'r Field> {
    match &field.shape {
        Shape::Object(index) => rules.of(*index).members.get(key),
        Shape::Map(inner) => Some(inner),
        Shape::Leaf | Shape::List(_) => None,
    }
}

/// The field of a list's elements.
pub(super) fn element(field: &Field) -> Option<&Field> {
    match &field.shape {
        Shape::List(inner) => Some(inner),
        _ => None,
    }
}

/// What tells an element of a keyed list from the others.
pub(super) fn key_of(by: &KeyBy, node: &Node) -> Option<String> {
    let text = |key: &String| match &node.get(key)?.tree {
        Tree::Str(s) => Some(s.clone()),
        Tree::Int(i) => Some(i.to_string()),
        Tree::Bool(b) => Some(b.to_string()),
        _ => None,
    };
    match by {
        KeyBy::One(key) => text(key),
        KeyBy::FirstOf(keys) => keys.iter().find_map(text),
    }
}

/// The names of the members that a list's elements are known by.
pub(super) fn key_names(by: &KeyBy) -> String {
    match by {
        KeyBy::One(key) => format!("`{key}`"),
        KeyBy::FirstOf(keys) => keys.iter().map(|k| format!("`{k}`")).collect::<Vec<_>>().join(" or "),
    }
}

/// The node at a path, or its nearest ancestor.
pub(super) fn locate<'n>(root: &'n Node, rules: &Rules, path: &Path) -> &'n Node {
    place(root, rules, path).0
}

/// The same, and whether it is the very node.
pub(super) fn place<'n>(root: &'n Node, rules: &Rules, path: &Path) -> (&'n Node, bool) {
    let (mut node, mut field) = (root, Some(&rules.root));
    for segment in &path.0 {
        match step(node, field, segment, rules) {
            Some((next, inner)) => (node, field) = (next, inner),
            None => return (node, false),
        }
    }
    (node, true)
}

fn step<'n, 'r>(
    node: &'n Node,
    field: Option<&'r Field>,
    segment: &Segment,
    rules: &'r Rules,
) -> Option<(&'n Node, Option<&'r Field>)> {
    match segment {
        Segment::Key(key) => Some((node.get(key)?, field.and_then(|f| member(rules, f, key)))),
        Segment::Index(index) => Some((node.items().get(*index)?, field.and_then(element))),
        Segment::Item(key) => {
            let found = match &field?.rule.key {
                // Of some keys the case of letters means nothing.
                Some(by) => {
                    let is = |same: fn(&str, &str) -> bool| {
                        node.items().iter().find(|item| key_of(by, item).is_some_and(|k| same(&k, key)))
                    };
                    is(|a, b| a == b).or_else(|| is(|a, b| a.eq_ignore_ascii_case(b)))
                }
                // An element of a set is known by its text.
                None => node.items().iter().find(|item| plumb_model::schema::label(&item.to_json()) == *key),
            }?;
            Some((found, field.and_then(element)))
        }
    }
}

/// One step of a path as a person writes it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum PathStep {
    Name(String),
    /// In brackets: the key or number of an element, or a quoted key of a map.
    Bracket(String),
}

/// Splits `tasks[aggregate].new_cluster.spark_conf["a.b"]`.
pub(crate) fn split(path: &str) -> Result<Vec<PathStep>, String> {
    let mut out = Vec::new();
    let mut rest = path;
    while !rest.is_empty() {
        if let Some(inner) = rest.strip_prefix('[') {
            let (text, length) = match inner.strip_prefix('"') {
                Some(_) => {
                    let mut stream = serde_json::Deserializer::from_str(inner).into_iter::<String>();
                    match stream.next() {
                        Some(Ok(text)) => (text, stream.byte_offset()),
                        _ => return Err("a quote is not closed".to_owned()),
                    }
                }
                None => {
                    let length = inner.find(']').ok_or("a `[` is not closed")?;
                    (inner[..length].to_owned(), length)
                }
            };
            rest = inner[length..].strip_prefix(']').ok_or("a `[` is not closed")?;
            out.push(PathStep::Bracket(text));
        } else {
            let length = rest.find(['.', '[']).unwrap_or(rest.len());
            if length == 0 {
                return Err("a name is missing".to_owned());
            }
            out.push(PathStep::Name(rest[..length].to_owned()));
            rest = &rest[length..];
        }
        if let Some(after) = rest.strip_prefix('.') {
            if after.is_empty() {
                return Err("a name is missing after the last `.`".to_owned());
            }
            rest = after;
        }
    }
    if out.is_empty() { Err("it is empty".to_owned()) } else { Ok(out) }
}

/// The value at a path that a person wrote, if the manifest sets it.
pub(super) fn find<'n>(root: &'n Node, rules: &Rules, path: &[PathStep]) -> Option<&'n Node> {
    let (mut node, mut field) = (root, Some(&rules.root));
    for written in path {
        let segment = match written {
            PathStep::Name(name) => Segment::Key(name.clone()),
            PathStep::Bracket(text) if matches!(node.tree, Tree::Map(_)) => Segment::Key(text.clone()),
            PathStep::Bracket(text) => match field.and_then(|f| f.rule.key.as_ref()) {
                Some(_) => Segment::Item(text.clone()),
                None => Segment::Index(text.parse().ok()?),
            },
        };
        (node, field) = step(node, field, &segment, rules)?;
    }
    Some(node)
}

/// The path that is shown like this, if the rules have such a place.
pub fn path(rules: &Rules, shown: &str) -> Option<Path> {
    let mut field = &rules.root;
    let mut path = Path::default();
    for written in split(shown).ok()? {
        let (segment, inner) = match (&field.shape, written) {
            (Shape::Object(_) | Shape::Map(_), PathStep::Name(name) | PathStep::Bracket(name)) => {
                let inner = member(rules, field, &name)?;
                (Segment::Key(name), inner)
            }
            (Shape::List(inner), PathStep::Bracket(text)) => {
                if field.rule.key.is_some() || field.rule.set {
                    (Segment::Item(text), &**inner)
                } else {
                    (Segment::Index(text.parse().ok()?), &**inner)
                }
            }
            _ => return None,
        };
        path.0.push(segment);
        field = inner;
    }
    Some(path)
}

/// Which element of a list at a path has a name: the key of a keyed list's, the value itself of a set's.
pub(super) fn element_at(rules: &Rules, list: &Node, at: &Path, name: &str) -> Option<usize> {
    let mut field = &rules.root;
    for segment in &at.0 {
        field = match segment {
            Segment::Key(key) => member(rules, field, key)?,
            Segment::Item(_) | Segment::Index(_) => element(field)?,
        };
    }
    let is = |item: &Node| match &field.rule.key {
        Some(by) => key_of(by, item).as_deref() == Some(name),
        None => plumb_model::schema::label(&item.to_json()) == name,
    };
    list.items().iter().position(is)
}

/// Checks that a path can exist in a spec. What is wrong with it, and the nearest that would be right.
pub(super) fn exists(rules: &Rules, path: &[PathStep]) -> Result<(), (String, String)> {
    let mut field = &rules.root;
    for written in path {
        field = match (&field.shape, written) {
            (Shape::Object(index), PathStep::Name(name) | PathStep::Bracket(name)) => {
                let members = &rules.of(*index).members;
                members.get(name).ok_or_else(|| {
                    let label = match nearest(name, members.keys().map(String::as_str)) {
                        Some(near) => format!("did you mean `{near}`?"),
                        None => "not a field of this kind's spec".to_owned(),
                    };
                    (format!("there is no field `{name}`"), label)
                })?
            }
            (Shape::Map(inner), _) => inner,
            (Shape::List(inner), PathStep::Bracket(text)) => {
                if text != "*" && field.rule.key.is_none() && text.parse::<usize>().is_err() {
                    let label = "write `[*]` or a number: its elements have no key".to_owned();
                    return Err((format!("`{text}` names no element of a list"), label));
                }
                inner
            }
            (Shape::List(inner), PathStep::Name(name)) => {
                if name != "*" {
                    return Err((
                        format!("`{name}` stands after a list"),
                        "write `[*]` before it, or an element's key".to_owned(),
                    ));
                }
                inner
            }
            (Shape::Leaf, PathStep::Name(name) | PathStep::Bracket(name)) => {
                return Err((
                    format!("there is nothing like `{name}` inside a single value"),
                    "end the path before it".to_owned(),
                ));
            }
        };
    }
    Ok(())
}

/// Checks that a path ends at a member that the spec does not have, inside of what it has. What is wrong with it, and what
/// to write instead.
pub(super) fn unknown(rules: &Rules, path: &[PathStep]) -> Result<(), (String, String)> {
    let mut field = &rules.root;
    for (index, written) in path.iter().enumerate() {
        let (PathStep::Name(name) | PathStep::Bracket(name)) = written;
        if let Shape::Object(object) = &field.shape
            && !rules.of(*object).members.contains_key(name)
        {
            return match path.len() - index {
                _ if name == "*" => {
                    let what = "`*` would be every setting that plumb does not know".to_owned();
                    Err((what, "name the setting".to_owned()))
                }
                _ if rules.of(*object).rule.read_only.contains_key(name) => {
                    let what = format!("the service itself sets `{name}`");
                    Err((what, "nobody can take it away".to_owned()))
                }
                1 => Ok(()),
                _ => {
                    let what = format!("plumb does not know `{name}`, so it can only go as a whole");
                    Err((what, format!("end the path behind `{name}`")))
                }
            };
        }
        exists(rules, &path[..=index])?;
        match member(rules, field, name).or_else(|| element(field)) {
            Some(inner) => field = inner,
            None => break,
        }
    }
    Err(("it is a field of the spec".to_owned(), "leave it out of the spec instead".to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn splits_paths() {
        let (name, bracket) = (|s: &str| PathStep::Name(s.to_owned()), |s: &str| PathStep::Bracket(s.to_owned()));
        assert_eq!(
            split("tasks[a.b].conf[\"x.\\\"y\"].z"),
            Ok(vec![name("tasks"), bracket("a.b"), name("conf"), bracket("x.\"y"), name("z")])
        );
        for bad in ["", ".", "a.", "a[", "a[\"x", "a..b"] {
            assert!(split(bad).is_err(), "{bad}");
        }
    }
}
