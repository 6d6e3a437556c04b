//! Objects by id that also stand in the order in which listings show them: the newest first, ids breaking ties. A page of
//! a listing costs what is on it, however many objects there are.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::collections::{BTreeMap, BTreeSet, btree_map};
use std::ops::{Bound, Deref};

/// An object that was created at some time.
pub trait Created {
    /// Milliseconds since 1970.
    fn created(&self) -> i64;
}

/// Objects by id, and their order. Looking at them is looking at the map.
#[derive(Clone, Debug)]
pub struct Placed<K, V> {
    all: BTreeMap<K, V>,
    order: BTreeSet<(i64, K)>,
}

impl<K, V> Default for Placed<K, V> {
    fn default() -> Self {
        Placed { all: BTreeMap::new(), order: BTreeSet::new() }
    }
}

impl<K, V> Deref for Placed<K, V> {
    type Target = BTreeMap<K, V>;

    fn deref(&self) -> &Self::Target {
        &self.all
    }
}

impl<K: Ord + Clone, V: Created> Placed<K, V> {
    /// Adds an object, or replaces the one of that id.
    pub fn insert(&mut self, id: K, object: V) {
        self.remove(&id);
        self.order.insert((object.created(), id.clone()));
        self.all.insert(id, object);
    }

    /// Takes an object away.
    pub fn remove(&mut self, id: &K) -> Option<V> {
        let object = self.all.remove(id)?;
        self.order.remove(&(object.created(), id.clone()));
        Some(object)
    }

    /// An object to be changed, but for when it was created.
    pub fn get_mut<Q: Ord + ?Sized>(&mut self, id: &Q) -> Option<&mut V>
    where
        K: std::borrow::Borrow<Q>,
    {
        self.all.get_mut(id)
    }

    /// All objects to be changed, but for when they were created.
    pub fn values_mut(&mut self) -> btree_map::ValuesMut<'_, K, V> {
        self.all.values_mut()
    }

    /// All objects, the newest first.
    pub fn newest(&self) -> impl Iterator<Item = &V> {
        self.below(Bound::Unbounded).map(|(_, object)| object)
    }

    /// The objects below a place, with it or without, the newest first.
    pub fn below<'a>(&'a self, to: Bound<&(i64, K)>) -> impl Iterator<Item = (&'a (i64, K), &'a V)> + use<'a, K, V> {
        self.order.range((Bound::Unbounded, to)).rev().filter_map(|at| Some((at, self.all.get(&at.1)?)))
    }

    /// The objects above a place, with it or without, the oldest first.
    pub fn above<'a>(&'a self, from: Bound<&(i64, K)>) -> impl Iterator<Item = (&'a (i64, K), &'a V)> + use<'a, K, V> {
        self.order.range((from, Bound::Unbounded)).filter_map(|at| Some((at, self.all.get(&at.1)?)))
    }
}

impl<K: Ord + Clone, V: Created> FromIterator<(K, V)> for Placed<K, V> {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(objects: I) -> Self {
        let mut placed = Placed::default();
        for (id, object) in objects {
            placed.insert(id, object);
        }
        placed
    }
}

impl<K: Serialize, V: Serialize> Serialize for Placed<K, V> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.all.serialize(serializer)
    }
}

impl<'de, K, V> Deserialize<'de> for Placed<K, V>
where
    K: Deserialize<'de> + Ord + Clone,
    V: Deserialize<'de> + Created,
{
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        BTreeMap::<K, V>::deserialize(deserializer).map(|all| all.into_iter().collect())
    }
}
