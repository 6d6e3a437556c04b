//! A value with its places, in about as many bytes as its text: for what is kept long and looked at seldom.

use super::{Entry, FileId, Node, Span, Tree};
use serde_json::Value;
use std::sync::Arc;

/// A [`Node`] in as few bytes as it takes. A copy shares them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Packed(Arc<[u8]>);

const NULL: u8 = 0;
const FALSE: u8 = 1;
const TRUE: u8 = 2;
const INT: u8 = 3;
const FLOAT: u8 = 4;
const STR: u8 = 5;
const SEQ: u8 = 6;
const MAP: u8 = 7;

impl Packed {
    /// The node, packed.
    pub fn of(node: &Node) -> Packed {
        let mut packer = Packer { bytes: Vec::with_capacity(2_048), last: NOWHERE };
        packer.node(node);
        Packed(packer.bytes.into())
    }

    /// The node as it was.
    pub fn node(&self) -> Node {
        self.unpacker().node()
    }

    /// What [`Node::to_json`] makes of the node.
    pub fn to_json(&self) -> Value {
        self.unpacker().json()
    }

    /// Where the node stands.
    pub fn span(&self) -> Span {
        self.unpacker().span()
    }

    /// Whether it holds nothing.
    pub fn is_null(&self) -> bool {
        let mut unpacker = self.unpacker();
        unpacker.span();
        unpacker.byte() == NULL
    }

    /// The text of a mapping's entry, if that is a text: found without unpacking the others.
    pub fn text(&self, key: &str) -> Option<&str> {
        let mut unpacker = self.unpacker();
        unpacker.span();
        if unpacker.byte() != MAP {
            return None;
        }
        for _ in 0..unpacker.number() {
            let is_it = unpacker.bytes_of_text() == key.as_bytes();
            unpacker.span();
            if is_it {
                unpacker.span();
                let is_text = unpacker.byte() == STR;
                return std::str::from_utf8(unpacker.bytes_of_text()).ok().filter(|_| is_text);
            }
            unpacker.skip();
        }
        None
    }

    /// Whether a text may stand in one of the node's strings or keys. `false` is certain.
    pub fn may_have(&self, text: &str) -> bool {
        let Some((first, rest)) = text.as_bytes().split_first() else { return true };
        let mut bytes = &self.0[..];
        while let Some(at) = bytes.iter().position(|byte| byte == first) {
            bytes = &bytes[at + 1..];
            if bytes.starts_with(rest) {
                return true;
            }
        }
        false
    }

    fn unpacker(&self) -> Unpacker<'_> {
        Unpacker { bytes: &self.0, last: NOWHERE }
    }
}

/// Before the first place.
const NOWHERE: Span = Span { file: FileId(0), start: 0, end: 0 };

/// Places are written as the way from the place before.
struct Packer {
    bytes: Vec<u8>,
    last: Span,
}

impl Packer {
    fn node(&mut self, node: &Node) {
        self.span(node.span);
        match &node.tree {
            Tree::Null => self.bytes.push(NULL),
            Tree::Bool(b) => self.bytes.push(if *b { TRUE } else { FALSE }),
            Tree::Int(i) => {
                self.bytes.push(INT);
                self.signed(*i);
            }
            Tree::Float(f) => {
                self.bytes.push(FLOAT);
                self.bytes.extend(f.to_bits().to_le_bytes());
            }
            Tree::Str(text) => {
                self.bytes.push(STR);
                self.text(text);
            }
            Tree::Seq(items) => {
                self.bytes.push(SEQ);
                self.number(items.len() as u64);
                items.iter().for_each(|item| self.node(item));
            }
            Tree::Map(entries) => {
                self.bytes.push(MAP);
                self.number(entries.len() as u64);
                for entry in entries {
                    self.text(&entry.key);
                    self.span(entry.key_span);
                    self.node(&entry.value);
                }
            }
        }
    }

    fn text(&mut self, text: &str) {
        self.number(text.len() as u64);
        self.bytes.extend(text.as_bytes());
    }

    fn span(&mut self, span: Span) {
        // Nearly all is of one file: the lowest bit says whether another one follows.
        let moved = zigzag(span.start as i64 - self.last.start as i64) << 1;
        if span.file == self.last.file {
            self.number(moved);
        } else {
            self.number(moved | 1);
            self.number(u64::from(span.file.0));
        }
        self.signed(span.end as i64 - span.start as i64);
        self.last = span;
    }

    fn signed(&mut self, number: i64) {
        self.number(zigzag(number));
    }

    /// Seven bits a byte, the lowest first.
    fn number(&mut self, mut number: u64) {
        while number >= 0x80 {
            self.bytes.push(number as u8 | 0x80);
            number >>= 7;
        }
        self.bytes.push(number as u8);
    }
}

/// Small numbers of either sign as small ones.
fn zigzag(number: i64) -> u64 {
    ((number << 1) ^ (number >> 63)) as u64
}

fn unzigzag(number: u64) -> i64 {
    (number >> 1) as i64 ^ -((number & 1) as i64)
}

struct Unpacker<'a> {
    bytes: &'a [u8],
    last: Span,
}

impl<'a> Unpacker<'a> {
    fn node(&mut self) -> Node {
        let span = self.span();
        let tree = match self.byte() {
            FALSE => Tree::Bool(false),
            TRUE => Tree::Bool(true),
            INT => Tree::Int(self.signed()),
            FLOAT => Tree::Float(self.float()),
            STR => Tree::Str(self.text()),
            SEQ => {
                let count = self.number() as usize;
                Tree::Seq((0..count).map(|_| self.node()).collect())
            }
            MAP => {
                let count = self.number() as usize;
                Tree::Map((0..count).map(|_| self.entry()).collect())
            }
            _ => Tree::Null,
        };
        Node { span, tree }
    }

    fn entry(&mut self) -> Entry {
        let key = self.text();
        let key_span = self.span();
        Entry { key, key_span, value: self.node() }
    }

    fn json(&mut self) -> Value {
        self.span();
        match self.byte() {
            FALSE => Value::Bool(false),
            TRUE => Value::Bool(true),
            INT => Value::from(self.signed()),
            FLOAT => Tree::Float(self.float()).to_json(),
            STR => Value::String(self.text()),
            SEQ => {
                let count = self.number() as usize;
                (0..count).map(|_| self.json()).collect()
            }
            MAP => {
                let count = self.number() as usize;
                let entry = |unpacker: &mut Self| {
                    let key = unpacker.text();
                    unpacker.span();
                    (key, unpacker.json())
                };
                Value::Object((0..count).map(|_| entry(self)).collect())
            }
            _ => Value::Null,
        }
    }

    /// Goes past a node.
    fn skip(&mut self) {
        self.span();
        match self.byte() {
            INT => _ = self.number(),
            FLOAT => _ = self.float(),
            STR => _ = self.bytes_of_text(),
            SEQ => (0..self.number()).for_each(|_| self.skip()),
            MAP => {
                for _ in 0..self.number() {
                    self.bytes_of_text();
                    self.span();
                    self.skip();
                }
            }
            _ => {}
        }
    }

    fn span(&mut self) -> Span {
        let moved = self.number();
        let file = if moved & 1 == 0 { self.last.file } else { FileId(self.number() as u32) };
        let start = self.last.start as i64 + unzigzag(moved >> 1);
        let end = start + self.signed();
        self.last = Span { file, start: start as usize, end: end as usize };
        self.last
    }

    fn text(&mut self) -> String {
        String::from_utf8_lossy(self.bytes_of_text()).into_owned()
    }

    fn bytes_of_text(&mut self) -> &'a [u8] {
        let length = self.number() as usize;
        self.take(length)
    }

    fn float(&mut self) -> f64 {
        let mut bits = [0; 8];
        let bytes = self.take(bits.len());
        bits[..bytes.len()].copy_from_slice(bytes);
        f64::from_bits(u64::from_le_bytes(bits))
    }

    fn signed(&mut self) -> i64 {
        unzigzag(self.number())
    }

    fn number(&mut self) -> u64 {
        let (mut number, mut shift) = (0, 0);
        loop {
            let byte = self.byte();
            number |= u64::from(byte & 0x7f) << shift;
            shift += 7;
            if byte & 0x80 == 0 || shift > 63 {
                return number;
            }
        }
    }

    fn byte(&mut self) -> u8 {
        self.take(1).first().copied().unwrap_or(NULL)
    }

    /// What was packed is all there: there is always as much left.
    fn take(&mut self, length: usize) -> &'a [u8] {
        let (taken, rest) = self.bytes.split_at(length.min(self.bytes.len()));
        self.bytes = rest;
        taken
    }
}

#[cfg(test)]
#[path = "packed_tests.rs"]
mod tests;
