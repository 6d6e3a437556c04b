//! A ZIP archive whose entries are not compressed (PKWARE's APPNOTE, 4.3).

/// CRC-32 as ZIP has it, a bit at a time: archives of the sandbox are small.
fn crc32(bytes: &[u8]) -> u32 {
    let mut crc = u32::MAX;
    for byte in bytes {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = (crc >> 1) ^ (0xEDB8_8320 & 0_u32.wrapping_sub(crc & 1));
        }
    }
    !crc
}

fn number(value: usize) -> u32 {
    u32::try_from(value).unwrap_or(u32::MAX)
}

fn short(value: usize) -> u16 {
    u16::try_from(value).unwrap_or(u16::MAX)
}

/// An archive of these names and contents.
pub fn zip(entries: &[(String, Vec<u8>)]) -> Vec<u8> {
    let (mut out, mut directory) = (Vec::new(), Vec::new());
    for (name, content) in entries {
        let offset = number(out.len());
        let mut common = Vec::new();
        // Version 2.0, names in UTF-8, stored, no time: midnight on 1 January 1980.
        for field in [20_u16, 1 << 11, 0, 0, 0x21] {
            common.extend(field.to_le_bytes());
        }
        for field in [crc32(content), number(content.len()), number(content.len())] {
            common.extend(field.to_le_bytes());
        }
        common.extend(short(name.len()).to_le_bytes());
        common.extend(0_u16.to_le_bytes());
        out.extend(b"PK\x03\x04");
        out.extend(&common);
        out.extend(name.as_bytes());
        out.extend(content);
        directory.extend(b"PK\x01\x02");
        directory.extend(20_u16.to_le_bytes());
        directory.extend(&common);
        // No comment, the first disk, no attributes.
        directory.extend([0_u8; 10]);
        directory.extend(offset.to_le_bytes());
        directory.extend(name.as_bytes());
    }
    let (at, count) = (number(out.len()), short(entries.len()));
    out.extend(&directory);
    out.extend(b"PK\x05\x06");
    out.extend([0_u8; 4]);
    out.extend(count.to_le_bytes());
    out.extend(count.to_le_bytes());
    out.extend(number(directory.len()).to_le_bytes());
    out.extend(at.to_le_bytes());
    out.extend([0_u8; 2]);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_is_that_of_the_standard() {
        assert_eq!(crc32(b"123456789"), 0xCBF4_3926);
    }

    #[test]
    fn an_archive_ends_with_its_directory() {
        let archive = zip(&[("a".to_owned(), b"hi".to_vec()), ("b/c".to_owned(), Vec::new())]);
        assert!(archive.starts_with(b"PK\x03\x04"));
        let end = &archive[archive.len() - 22..];
        assert!(end.starts_with(b"PK\x05\x06"));
        assert_eq!(end[10], 2, "two entries");
        let at = u32::from_le_bytes([end[16], end[17], end[18], end[19]]) as usize;
        assert!(archive[at..].starts_with(b"PK\x01\x02"));
    }
}
