//! Sending along what the spec does not model, with a write that replaces the whole object.

use super::super::compare::{Difference, Pattern, Supplied};
use super::{Member, UnknownWalk, is_named, is_open, is_superseded};
use plumb_model::schema::{Field, Path, Rules, Segment, Shape, Type};
use serde_json::{Map, Value};
use std::collections::{BTreeMap, VecDeque};

/// Puts into `body` what is live and what the rules do not know, at the same place: in an element of a keyed list by its
/// key, of a set by what else it says, of another list by its position, or by what it says where the list's length
/// changes. What `remove` names is left out.
///
/// Answers what cannot go along, because what is around it is taken away: the plan has to show it. Where the manifest is
/// silent about what is around it and nothing is to be done there, the whole of that is sent along as it is live.
pub fn carry(
    rules: &Rules,
    live: &Value,
    body: &mut Value,
    differences: &[Difference],
    remove: &[Pattern],
    supplied: &BTreeMap<String, Supplied>,
) -> Vec<Member> {
    let gone = differences.iter().map(|d| (&d.path, d.to.is_none())).collect();
    let mut carrier = Carrier { walk: UnknownWalk::new(rules, supplied, remove), gone };
    carrier.field(&rules.root, live, body);
    let taken = carrier.walk.found.into_iter().filter(|(path, _)| !is_named(remove, path));
    taken.map(|(path, value)| Member::new(path, value)).collect()
}

struct Carrier<'a> {
    walk: UnknownWalk<'a>,
    /// Places that differ, and whether nothing is to be there. One that the body does not have is taken away in any case.
    gone: BTreeMap<&'a Path, bool>,
}

impl<'a> Carrier<'a> {
    fn below<T>(&mut self, segment: Segment, act: impl FnOnce(&mut Self) -> T) -> T {
        self.walk.path.0.push(segment);
        let done = act(self);
        self.walk.path.0.pop();
        done
    }

    fn field(&mut self, field: &'a Field, live: &'a Value, body: &mut Value) {
        match (&field.shape, live, body) {
            (Shape::Object(object), Value::Object(lives), Value::Object(bodies)) => {
                let object = self.walk.rules.of(*object);
                let outer = self.walk.enter(object, lives);
                for (key, value) in lives {
                    match object.members.get(key) {
                        Some(member) if is_superseded(member, bodies) => {
                            self.below(Segment::Key(key.clone()), |carrier| carrier.walk.find(member, value));
                        }
                        Some(member) => self.member(key, member, value, bodies),
                        None if self.goes_along(object, key, value) => {
                            bodies.entry(key.clone()).or_insert_with(|| value.clone());
                        }
                        None => {}
                    }
                }
                self.walk.policy = outer;
            }
            (Shape::Map(entry), Value::Object(lives), Value::Object(bodies)) => {
                for (key, value) in lives {
                    self.member(key, entry, value, bodies);
                }
            }
            (Shape::List(item), Value::Array(lives), Value::Array(bodies)) => self.list(field, item, lives, bodies),
            _ => self.walk.find(field, live),
        }
    }

    fn goes_along(&self, object: &Type, key: &str, value: &Value) -> bool {
        self.walk.is_unknown(object, key, value) && !is_named(self.walk.remove, &self.walk.path.key(key))
    }

    fn member(&mut self, key: &str, field: &'a Field, live: &'a Value, bodies: &mut Map<String, Value>) {
        if !is_open(field) {
            return;
        }
        self.below(Segment::Key(key.to_owned()), |carrier| match bodies.get_mut(key).filter(|b| !b.is_null()) {
            // It says that there is to be nothing.
            Some(_) if carrier.gone.get(&carrier.walk.path) == Some(&true) => carrier.walk.find(field, live),
            Some(body) => carrier.field(field, live, body),
            None => {
                if let Some(copy) = carrier.absent(field, live) {
                    bodies.insert(key.to_owned(), copy);
                }
            }
        });
    }

    /// What is to be sent of a place that the body does not have.
    fn absent(&mut self, field: &'a Field, live: &'a Value) -> Option<Value> {
        if self.gone.contains_key(&self.walk.path) {
            self.walk.find(field, live);
            return None;
        }
        let mut tally = Tally::default();
        let copy = self.copy(field, live, &mut tally).filter(|_| tally.unknown);
        if tally.gone && !tally.known {
            // All that the spec knows of it is taken away: it goes.
            self.walk.find(field, live);
            return None;
        }
        copy
    }

    fn list(&mut self, list: &'a Field, item: &'a Field, lives: &'a [Value], bodies: &mut Vec<Value>) {
        if !is_open(item) {
            return;
        }
        if list.rule.key.is_none() && !list.rule.set && lives.len() == bodies.len() {
            for (index, (live, body)) in lives.iter().zip(bodies).enumerate() {
                self.below(Segment::Index(index), |carrier| carrier.field(item, live, body));
            }
            return;
        }
        // Elements without a key are told apart by all that the spec knows of them.
        let same = |carrier: &Self, element: &Value| match &list.rule.key {
            Some(by) => by.of(element),
            None => Some(carrier.walk.normal(item, element).to_string()),
        };
        let mut places: BTreeMap<String, VecDeque<usize>> = BTreeMap::new();
        for (index, body) in bodies.iter().enumerate() {
            if let Some(name) = same(self, body) {
                places.entry(name).or_default().push_back(index);
            }
        }
        for (index, live) in lives.iter().enumerate() {
            let place = same(self, live).and_then(|name| places.get_mut(&name)?.pop_front());
            let name = self.walk.name(list, item, live);
            let is_named = name.is_some();
            let segment = name.map_or(Segment::Index(index), Segment::Item);
            self.below(segment, |carrier| match place {
                Some(place) => carrier.field(item, live, &mut bodies[place]),
                None if is_named => bodies.extend(carrier.absent(item, live)),
                None => carrier.walk.find(item, live),
            });
        }
    }

    /// A live value as it can be sent: what is to be taken away, and what only the service sets, is left out.
    fn copy(&mut self, field: &'a Field, live: &'a Value, tally: &mut Tally) -> Option<Value> {
        if field.rule.server || live.is_null() {
            return None;
        }
        if self.gone.contains_key(&self.walk.path) {
            tally.gone = true;
            return None;
        }
        if !is_open(field) {
            tally.known = true;
            return Some(live.clone());
        }
        Some(match (&field.shape, live) {
            (Shape::Object(object), Value::Object(map)) => {
                let object = self.walk.rules.of(*object);
                let outer = self.walk.enter(object, map);
                let mut copies = Map::new();
                for (key, value) in map {
                    let copy = match object.members.get(key) {
                        Some(member) => self.below(Segment::Key(key.clone()), |c| c.copy(member, value, tally)),
                        None if self.goes_along(object, key, value) => {
                            tally.unknown = true;
                            Some(value.clone())
                        }
                        None => None,
                    };
                    copies.extend(copy.map(|copy| (key.clone(), copy)));
                }
                self.walk.policy = outer;
                Value::Object(copies)
            }
            (Shape::Map(entry), Value::Object(map)) => {
                let mut copies = Map::new();
                for (key, value) in map {
                    let copy = self.below(Segment::Key(key.clone()), |c| c.copy(entry, value, tally));
                    copies.extend(copy.map(|copy| (key.clone(), copy)));
                }
                Value::Object(copies)
            }
            (Shape::List(item), Value::Array(items)) => {
                let mut copies = Vec::with_capacity(items.len());
                for (index, value) in items.iter().enumerate() {
                    let name = self.walk.name(field, item, value);
                    let segment = name.map_or(Segment::Index(index), Segment::Item);
                    copies.extend(self.below(segment, |c| c.copy(item, value, tally)));
                }
                Value::Array(copies)
            }
            (_, other) => other.clone(),
        })
    }
}

/// What a copy has come by.
#[derive(Default)]
struct Tally {
    /// Something that the spec does not know.
    unknown: bool,
    /// Something that the spec knows and that stays.
    known: bool,
    /// Something that is taken away.
    gone: bool,
}
