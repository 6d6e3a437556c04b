//! Where the members of a JSON text stand: from a member to its line.

use serde_json::Value;
use std::collections::HashMap;

/// Deeper texts have no places. serde_json refuses them anyway (from 128).
const DEEPEST: usize = 200;

/// Where a member stands in its text, in bytes.
#[derive(Debug, Default)]
pub(super) struct MemberSpan {
    /// Where its name begins, or its value where it has no name.
    pub from: usize,
    /// Where its value ends.
    pub to: usize,
    members: HashMap<String, MemberSpan>,
    items: Vec<MemberSpan>,
}

/// A member of an answer and, where the answer has a text, its place in it. What is not there is `null`.
#[derive(Clone, Copy, Debug)]
pub(super) struct AnswerMember<'a> {
    pub name: &'a str,
    pub value: &'a Value,
    pub span: Option<&'a MemberSpan>,
}

static ABSENT: Value = Value::Null;

impl<'a> AnswerMember<'a> {
    /// The whole answer.
    pub fn root(value: &'a Value, span: Option<&'a MemberSpan>) -> AnswerMember<'a> {
        AnswerMember { name: "the answer", value, span }
    }

    /// A member of it; `null` if it has none of that name or is no object.
    pub fn get(self, name: &'a str) -> AnswerMember<'a> {
        AnswerMember {
            name,
            value: self.value.get(name).unwrap_or(&ABSENT),
            span: self.span.and_then(|span| span.members.get(name)),
        }
    }

    /// The first of these members that is there.
    pub fn first_of(self, names: &[&'a str]) -> AnswerMember<'a> {
        let found = names.iter().map(|name| self.get(name)).find(|member| !member.is_absent());
        found.unwrap_or_else(|| self.get(names.first().copied().unwrap_or_default()))
    }

    /// Whether it is not there or `null`.
    pub fn is_absent(self) -> bool {
        self.value.is_null()
    }

    /// What a list has in it; nothing where it is no list.
    pub fn items(self) -> impl Iterator<Item = AnswerMember<'a>> {
        let items = self.value.as_array().map_or(&[][..], Vec::as_slice);
        items.iter().enumerate().map(move |(at, value)| AnswerMember {
            name: self.name,
            value,
            span: self.span.and_then(|span| span.items.get(at)),
        })
    }

    /// The members of an object; none where it is no object.
    pub fn members(self) -> impl Iterator<Item = AnswerMember<'a>> {
        self.value.as_object().into_iter().flatten().map(move |(name, value)| AnswerMember {
            name,
            value,
            span: self.span.and_then(|span| span.members.get(name)),
        })
    }
}

/// The places of all members of a JSON text; `None` where it is none. Of a name that is there twice the last one counts, as in
/// serde_json.
pub(super) fn spans(text: &str) -> Option<MemberSpan> {
    let mut cursor = Cursor { bytes: text.as_bytes(), at: 0 };
    cursor.value(0)
}

/// Where lines begin, for [`line_of`].
pub(super) fn line_starts(text: &str) -> Vec<usize> {
    std::iter::once(0).chain(memchr::memchr_iter(b'\n', text.as_bytes()).map(|at| at + 1)).collect()
}

/// The line of an offset, from 1.
pub(super) fn line_of(starts: &[usize], offset: usize) -> u64 {
    starts.partition_point(|start| *start <= offset).max(1) as u64
}

struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Cursor<'_> {
    fn peek(&mut self) -> Option<u8> {
        while self.bytes.get(self.at).is_some_and(u8::is_ascii_whitespace) {
            self.at += 1;
        }
        self.bytes.get(self.at).copied()
    }

    /// Goes on behind `byte` if it is next.
    fn takes(&mut self, byte: u8) -> bool {
        let is_next = self.peek() == Some(byte);
        self.at += usize::from(is_next);
        is_next
    }

    fn value(&mut self, depth: usize) -> Option<MemberSpan> {
        if depth > DEEPEST {
            return None;
        }
        let next = self.peek()?;
        let mut span = MemberSpan { from: self.at, ..MemberSpan::default() };
        match next {
            b'{' => {
                self.at += 1;
                while !self.takes(b'}') {
                    self.peek()?;
                    let from = self.at;
                    let name = self.string()?;
                    if !self.takes(b':') {
                        return None;
                    }
                    let mut member = self.value(depth + 1)?;
                    member.from = from;
                    span.members.insert(name, member);
                    self.takes(b',');
                }
            }
            b'[' => {
                self.at += 1;
                while !self.takes(b']') {
                    span.items.push(self.value(depth + 1)?);
                    self.takes(b',');
                }
            }
            b'"' => {
                self.string()?;
            }
            b',' | b':' | b'}' | b']' => return None,
            _ => {
                let ends = |byte: &u8| byte.is_ascii_whitespace() || matches!(byte, b',' | b'}' | b']');
                while self.bytes.get(self.at).is_some_and(|byte| !ends(byte)) {
                    self.at += 1;
                }
            }
        }
        span.to = self.at;
        Some(span)
    }

    fn string(&mut self) -> Option<String> {
        let from = self.at;
        if !self.takes(b'"') {
            return None;
        }
        loop {
            match self.bytes.get(self.at)? {
                b'"' => break,
                b'\\' => self.at += 2,
                _ => self.at += 1,
            }
        }
        self.at += 1;
        serde_json::from_slice(self.bytes.get(from..self.at)?).ok()
    }
}
