use super::*;
use flate2::{Compression, write::DeflateEncoder};
use std::io::{Cursor, Write};

/// An entry of an archive that a test writes.
#[derive(Clone)]
struct Written {
    name: &'static str,
    bytes: Vec<u8>,
    is_deflated: bool,
    time: u16,
    has_descriptor: bool,
    extra: Vec<u8>,
}

fn entry(name: &'static str, bytes: &str) -> Written {
    let bytes = bytes.as_bytes().to_vec();
    Written { name, bytes, is_deflated: true, time: 1, has_descriptor: false, extra: Vec::new() }
}

fn put(out: &mut Vec<u8>, shorts: &[u16]) {
    shorts.iter().for_each(|short| out.extend(short.to_le_bytes()));
}

/// The archive, what stands before its directory, and the place of its directory.
fn zip(entries: &[Written]) -> Vec<u8> {
    let (mut out, mut directory) = (Vec::new(), Vec::new());
    for one in entries {
        let at = out.len() as u32;
        let mut crc = Crc::new();
        crc.update(&one.bytes);
        let packed = if one.is_deflated {
            let mut encoder = DeflateEncoder::new(Vec::new(), Compression::fast());
            encoder.write_all(&one.bytes).unwrap();
            encoder.finish().unwrap()
        } else {
            one.bytes.clone()
        };
        let method = if one.is_deflated { 8 } else { 0 };
        let flags = if one.has_descriptor { 8 } else { 0 };
        let sizes = [crc.sum(), packed.len() as u32, one.bytes.len() as u32];
        out.extend(LOCAL);
        put(&mut out, &[20, flags, method, one.time, 33]);
        for size in sizes {
            out.extend(if one.has_descriptor { 0_u32 } else { size }.to_le_bytes());
        }
        put(&mut out, &[one.name.len() as u16, one.extra.len() as u16]);
        out.extend(one.name.bytes().chain(one.extra.iter().copied()).chain(packed));
        if one.has_descriptor {
            out.extend(b"PK\x07\x08");
            sizes.iter().for_each(|size| out.extend(size.to_le_bytes()));
        }
        directory.extend(CENTRAL);
        put(&mut directory, &[20, 20, flags, method, one.time, 33]);
        sizes.iter().for_each(|size| directory.extend(size.to_le_bytes()));
        put(&mut directory, &[one.name.len() as u16, one.extra.len() as u16, 0, 0, 0, 0, 0]);
        directory.extend(at.to_le_bytes());
        directory.extend(one.name.bytes().chain(one.extra.iter().copied()));
    }
    let start = out.len() as u32;
    out.extend(&directory);
    out.extend(END);
    put(&mut out, &[0, 0, entries.len() as u16, entries.len() as u16]);
    out.extend((directory.len() as u32).to_le_bytes());
    out.extend(start.to_le_bytes());
    put(&mut out, &[0]);
    out
}

fn hashed(bytes: &[u8]) -> Option<String> {
    hash(&mut Cursor::new(bytes))
}

fn wheel() -> Vec<Written> {
    vec![entry("etl/__init__.py", ""), entry("etl/load.py", "x = 1\n"), entry("etl-1.0.dist-info/RECORD", "all\n")]
}

#[test]
fn a_wheel_that_is_built_again_has_the_same_hash() {
    let first = hashed(&zip(&wheel())).unwrap();
    let again = |change: &dyn Fn(&mut Vec<Written>)| {
        let mut entries = wheel();
        change(&mut entries);
        let bytes = zip(&entries);
        assert_ne!(bytes, zip(&wheel()));
        assert_eq!(hashed(&bytes).as_ref(), Some(&first));
    };
    again(&|entries| entries.reverse());
    again(&|entries| entries.iter_mut().for_each(|entry| entry.time = 77));
    again(&|entries| entries.iter_mut().for_each(|entry| entry.is_deflated = false));
    again(&|entries| entries[1].has_descriptor = true);
    // When it was changed (0x5455), and filling up to a round number.
    again(&|entries| entries[1].extra = b"UT\x05\x00\x01\x01\x02\x03\x04\0\0".to_vec());
}

#[test]
fn whatever_is_in_it_changes_the_hash() {
    let first = hashed(&zip(&wheel())).unwrap();
    let changed = |change: &dyn Fn(&mut Vec<Written>)| {
        let mut entries = wheel();
        change(&mut entries);
        assert_ne!(hashed(&zip(&entries)).unwrap(), first);
    };
    changed(&|entries| entries[1].bytes = b"x = 2\n".to_vec());
    changed(&|entries| entries[1].name = "etl/lo_d.py");
    changed(&|entries| entries.push(entry("etl/more.py", "")));
    changed(&|entries| drop(entries.pop()));
    // The same bytes and names, cut elsewhere.
    let cut = |one: [(&'static str, &str); 2]| hashed(&zip(&one.map(|(name, bytes)| entry(name, bytes))));
    assert_ne!(cut([("a", "bc"), ("d", "")]), cut([("a", "b"), ("cd", "")]));
    assert!(hashed(&zip(&[])).is_some(), "an archive of nothing");
}

#[test]
fn what_two_programs_could_read_otherwise_is_not_read() {
    let whole = zip(&wheel());
    assert!(hashed(&whole).is_some());
    let refused = |what: &str, bytes: &[u8]| assert_eq!(hashed(bytes), None, "{what}");
    refused("something before it", &[b"#!/bin/sh\n".as_slice(), &whole].concat());
    refused("something behind it", &[whole.as_slice(), b"\n"].concat());
    refused("cut off", &whole[..whole.len() - 1]);
    refused("nothing", b"");
    let mut twice = wheel();
    twice[0].name = "etl/load.py";
    refused("a name twice", &zip(&twice));
    let mut other = wheel();
    other[0].extra = b"up\x01\x00x".to_vec();
    refused("another name in an extra field", &zip(&other));
    let at = |needle: &[u8], from: usize| from + whole[from..].windows(needle.len()).position(|w| w == needle).unwrap();
    let change = |what: &str, at: usize, byte: u8| {
        let mut bytes = whole.clone();
        assert_ne!(bytes[at], byte);
        bytes[at] = byte;
        refused(what, &bytes);
    };
    let central = at(&CENTRAL, 0);
    change("encrypted", central + 8, 1);
    change("another checksum", central + 16, whole[central + 16] ^ 1);
    change("another method", central + 10, 12);
    change("another size", central + 24, 1);
    change("another name in the entry itself", at(b"etl/", 0), b'X');
    change("a comment", whole.len() - 2, 1);
    change("more entries than there are", whole.len() - 12, 4);
    // An entry that the directory does not have.
    let hidden = {
        let mut fewer = zip(&wheel()[..2]);
        let (three, two) = (zip(&wheel()), zip(&wheel()[..2]));
        let cut = two.windows(4).position(|w| w == CENTRAL).unwrap();
        let third = &three[cut..three.windows(4).position(|w| w == CENTRAL).unwrap()];
        fewer.splice(cut..cut, third.iter().copied());
        let end = fewer.len() - 6;
        let start = (cut + third.len()) as u32;
        fewer.splice(end..end + 4, start.to_le_bytes());
        fewer
    };
    refused("an entry that is not listed", &hidden);
}

#[test]
fn an_archive_does_not_become_much_larger_than_it_is() {
    let zeros = |count: usize| zip(&[Written { bytes: vec![0; count], ..entry("zeros", "") }]);
    let within = |count: usize, limits| hash_within(&mut Cursor::new(zeros(count)), limits);
    assert!(zeros(100_000).len() < 5_000);
    assert_eq!(within(100_000, (99_999, 1, u64::MAX)), None);
    assert!(within(100_000, (100_000, 1, u64::MAX)).is_some());
    assert!(within(100_000, (0, 1_000, u64::MAX)).is_some());
    assert_eq!(within(100_000, (u64::MAX, 1_000, 99_999)), None);
    // One that says that it is less than it is.
    let mut bytes = zeros(100_000);
    let at = bytes.windows(4).position(|w| w == CENTRAL).unwrap() + 24;
    bytes.splice(at..at + 4, 10_u32.to_le_bytes());
    assert_eq!(hash(&mut Cursor::new(bytes)), None);
}

#[test]
fn archives_are_told_by_their_names() {
    assert!(["a.whl", "a.JAR", "x/a.egg", "a.zip"].iter().all(|name| is_archive_name(name)));
    assert!(!["a.py", "whl", "a.whl.txt"].iter().any(|name| is_archive_name(name)));
}
