//! Archives, hashed by what is in them: a wheel that is built again of the same sources has other times, and the same hash.
//!
//! Only the plainest layout is read so: entries one behind the other from the first byte, then their directory, then its end,
//! and nothing beside them. Then every program that opens the archive finds the same entries in it. Whatever is otherwise is
//! hashed by its bytes, which is always right, only less patient.

use super::found::hex;
use crate::manifest::CodeReading;
use flate2::{Crc, read::DeflateDecoder};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::io::{self, Read, SeekFrom};

/// The endings of archives' names.
const ENDINGS: [&str; 4] = [".whl", ".jar", ".egg", ".zip"];
/// The most entries of an archive.
const MOST_ENTRIES: usize = 100_000;
/// The most bytes that the directory of an archive may have.
const MOST_DIRECTORY: u64 = 64_000_000;
/// How much an archive may become when it is inflated: so much in any case, so many times its size, and never more.
const INFLATED: (u64, u64, u64) = (64_000_000, 50, 5_000_000_000);

/// PKWARE APPNOTE 4.3.7, 4.3.12, 4.3.16.
const LOCAL: [u8; 4] = *b"PK\x03\x04";
const CENTRAL: [u8; 4] = *b"PK\x01\x02";
const END: [u8; 4] = *b"PK\x05\x06";
const LOCAL_BYTES: u64 = 30;
const CENTRAL_BYTES: usize = 46;
const END_BYTES: u64 = 22;

/// Whether a file of that name may be an archive.
pub(super) fn is_archive_name(path: &str) -> bool {
    let name = path.to_ascii_lowercase();
    ENDINGS.iter().any(|ending| name.ends_with(ending))
}

/// The hash of the names and the bytes of the entries, in the order of their names; `None` when it is not read so.
pub(super) fn hash(archive: &mut dyn CodeReading) -> Option<String> {
    hash_within(archive, INFLATED)
}

fn hash_within(archive: &mut dyn CodeReading, (least, times, most): (u64, u64, u64)) -> Option<String> {
    let (entries, size) = directory(archive)?;
    let mut left = (size.saturating_mul(times)).max(least).min(most);
    let mut all = Sha256::new();
    all.update("plumb.archive/v1\n");
    for (name, entry) in &entries {
        let bytes = entry.hash(archive, &mut left)?;
        all.update((name.len() as u64).to_le_bytes());
        all.update(name);
        all.update([u8::from(entry.is_utf8)]);
        all.update(bytes);
    }
    Some(hex(&all.finalize()))
}

/// An entry, as the directory has it.
struct ZipEntry {
    is_utf8: bool,
    is_deflated: bool,
    has_descriptor: bool,
    crc: u32,
    packed: u64,
    bytes: u64,
    /// Where its data begin.
    data: u64,
}

/// The entries by their names, and the size of the archive.
fn directory(archive: &mut dyn CodeReading) -> Option<(BTreeMap<Vec<u8>, ZipEntry>, u64)> {
    let size = archive.seek(SeekFrom::End(0)).ok()?;
    let at = size.checked_sub(END_BYTES)?;
    let end: [u8; END_BYTES as usize] = read_at(archive, at)?;
    let (count, length, start) = (short(&end, 10)?, long(&end, 12)?, u64::from(long(&end, 16)?));
    let is_plain = end.starts_with(&END)
        && [4, 6, 20].iter().all(|field| short(&end, *field) == Some(0))
        && short(&end, 8) == Some(count)
        && count != u16::MAX
        && start.checked_add(u64::from(length)) == Some(at)
        && u64::from(length) <= MOST_DIRECTORY
        && usize::from(count) <= MOST_ENTRIES;
    if !is_plain {
        return None;
    }
    archive.seek(SeekFrom::Start(start)).ok()?;
    let mut directory = vec![0; length as usize];
    archive.read_exact(&mut directory).ok()?;
    let (mut rest, mut listed) = (&directory[..], Vec::new());
    for _ in 0..count {
        let (head, behind) = rest.split_at_checked(CENTRAL_BYTES)?;
        let [name, extra, comment] = [28, 30, 32].map(|field| short(head, field).map(usize::from));
        let (name, behind) = behind.split_at_checked(name?)?;
        let (extra, behind) = behind.split_at_checked(extra?)?;
        rest = behind.get(comment?..)?;
        let flags = short(head, 8)?;
        // Encrypted, patched, or with hidden names.
        let is_readable = head.starts_with(&CENTRAL) && flags & 0x2061 == 0 && is_plain_extra(extra);
        let is_deflated = match short(head, 10)? {
            0 => false,
            8 => true,
            _ => return None,
        };
        let (packed, bytes, local) = (long(head, 20)?, long(head, 24)?, u64::from(long(head, 42)?));
        if !is_readable || [packed, bytes].contains(&u32::MAX) || short(head, 34)? != 0 || name.contains(&0) {
            return None;
        }
        let entry = ZipEntry {
            is_utf8: flags & 0x0800 != 0 && !name.is_ascii(),
            is_deflated,
            has_descriptor: flags & 0x0008 != 0,
            crc: long(head, 16)?,
            packed: u64::from(packed),
            bytes: u64::from(bytes),
            data: 0,
        };
        listed.push((local, name.to_vec(), entry));
    }
    if !rest.is_empty() {
        return None;
    }
    // One behind the other, each where the one before ends: nothing is between them, and none is in another one.
    listed.sort_by_key(|(local, ..)| *local);
    let (mut next, mut entries) = ((0, false), BTreeMap::new());
    for (local, name, mut entry) in listed {
        follows(next, local)?;
        let head: [u8; LOCAL_BYTES as usize] = read_at(archive, local)?;
        let mut named = vec![0; usize::from(short(&head, 26)?)];
        let mut extra = vec![0; usize::from(short(&head, 28)?)];
        archive.read_exact(&mut named).ok()?;
        archive.read_exact(&mut extra).ok()?;
        let is_same = head.starts_with(&LOCAL)
            && named == name
            && short(&head, 8) == Some(if entry.is_deflated { 8 } else { 0 })
            && (short(&head, 6)? & 0x0008 != 0) == entry.has_descriptor
            && is_plain_extra(&extra);
        if !is_same {
            return None;
        }
        entry.data = local + LOCAL_BYTES + named.len() as u64 + extra.len() as u64;
        next = (entry.data.checked_add(entry.packed)?, entry.has_descriptor);
        // A name that is there twice means another file to each program.
        if entries.insert(name, entry).is_some() {
            return None;
        }
    }
    follows(next, start)?;
    Some((entries, size))
}

/// Whether something begins where the data before it end, or behind their descriptor.
fn follows((end, has_descriptor): (u64, bool), at: u64) -> Option<()> {
    let gap = at.checked_sub(end)?;
    (gap == 0 && !has_descriptor || has_descriptor && [12, 16].contains(&gap)).then_some(())
}

/// Whether the extra fields give an entry no other name (0x7075) and no other sizes (0x0001).
fn is_plain_extra(mut extra: &[u8]) -> bool {
    while let (Some(id), Some(length)) = (short(extra, 0), short(extra, 2)) {
        let Some(behind) = extra.get(4 + usize::from(length)..) else { return false };
        if [0x0001, 0x7075].contains(&id) {
            return false;
        }
        extra = behind;
    }
    // Some programs fill up with a few zeros, so that data begin at a round number.
    extra.iter().all(|byte| *byte == 0)
}

impl ZipEntry {
    /// The hash of its bytes, once they are what the directory says.
    fn hash(&self, archive: &mut dyn CodeReading, left: &mut u64) -> Option<[u8; 32]> {
        *left = left.checked_sub(self.bytes)?;
        archive.seek(SeekFrom::Start(self.data)).ok()?;
        let (mut hash, mut crc) = (Sha256::new(), Crc::new());
        let mut packed = archive.take(self.packed);
        let bytes = if self.is_deflated {
            let mut decoder = DeflateDecoder::new(&mut packed);
            let bytes = pour(&mut (&mut decoder).take(self.bytes + 1), &mut hash, &mut crc).ok()?;
            if decoder.total_in() != self.packed {
                return None;
            }
            bytes
        } else {
            pour(&mut packed, &mut hash, &mut crc).ok()?
        };
        (bytes == self.bytes && crc.sum() == self.crc).then(|| hash.finalize().into())
    }
}

fn pour(from: &mut dyn Read, hash: &mut Sha256, crc: &mut Crc) -> io::Result<u64> {
    let (mut piece, mut bytes) = (vec![0; 64 << 10], 0);
    loop {
        match from.read(&mut piece)? {
            0 => return Ok(bytes),
            read => {
                hash.update(&piece[..read]);
                crc.update(&piece[..read]);
                bytes += read as u64;
            }
        }
    }
}

fn read_at<const N: usize>(archive: &mut dyn CodeReading, at: u64) -> Option<[u8; N]> {
    archive.seek(SeekFrom::Start(at)).ok()?;
    let mut bytes = [0; N];
    archive.read_exact(&mut bytes).ok()?;
    Some(bytes)
}

fn short(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_le_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
}

fn long(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

#[cfg(test)]
#[path = "archive_tests.rs"]
mod tests;
