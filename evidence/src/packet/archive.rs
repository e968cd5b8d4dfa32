//! Writes ZIP files of which every byte follows from their entries.
//!
//! Entries are stored, not compressed. What a compressor makes of the same input may change with its version, and then no old packet could
//! be written again byte for byte; and documents (PDF, PNG, JPEG) are compressed already. A ready-made writer was looked at (`zip`): the
//! fields that it fills in for itself change between its versions too, and what is needed of the format is this page.

use std::collections::BTreeMap;

/// A day and time that every entry has: 1 January 1980, the first that the format knows.
const DATE: u16 = 0x0021;
/// Made by version 2.0 on Unix, so that the permissions below count.
const MADE_BY: u16 = 0x0314;
/// Version 2.0 is needed to read it.
const NEEDED: u16 = 20;
/// Names are UTF-8.
const FLAGS: u16 = 0x0800;
/// A regular file that everybody may read.
const ATTRIBUTES: u32 = 0o100_644 << 16;
/// Longest name of an entry, in bytes.
const LONGEST_NAME: usize = 200;

/// Most entries in a packet.
pub const MOST_ENTRIES: usize = 10_000;
/// Most bytes in a packet. Below 4 GiB, so that the format's old 32-bit fields do.
pub const MOST_BYTES: u64 = 1 << 30;

/// Entries by their name. The map's order is the order in the file.
pub type Entries = BTreeMap<String, Vec<u8>>;

/// Why entries do not become a packet.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ArchiveError {
    /// Absolute, climbing, with an unusual character, or too long.
    #[error("{0:?} is no name for an entry")]
    Name(String),
    /// A file would have to be a folder as well.
    #[error("{0:?} is a file and a folder at once")]
    FileAndFolder(String),
    /// More than [`MOST_ENTRIES`] or [`MOST_BYTES`].
    #[error("a packet holds at most {MOST_ENTRIES} entries and {MOST_BYTES} bytes")]
    TooLarge,
}

/// Whether a name may stand in a packet: parts of letters, digits, `.`, `_` and `-`, none of them empty or beginning with a dot, joined by `/`.
#[must_use]
pub fn is_name(name: &str) -> bool {
    let part = |part: &str| {
        !part.is_empty()
            && !part.starts_with('.')
            && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
    };
    name.len() <= LONGEST_NAME && name.split('/').all(part)
}

/// The file of these entries.
///
/// # Errors
/// A name will not do, or it is too much.
pub fn write(entries: &Entries) -> Result<Vec<u8>, ArchiveError> {
    check(entries)?;
    let mut file = Vec::with_capacity(size(entries) as usize);
    let mut directory = Vec::new();
    for (name, bytes) in entries {
        let (at, crc) = (file.len() as u32, crc32fast::hash(bytes));
        let common = common(name, crc, bytes.len() as u32);
        file.extend_from_slice(b"PK\x03\x04");
        file.extend_from_slice(&common);
        file.extend_from_slice(name.as_bytes());
        file.extend_from_slice(bytes);
        directory.extend_from_slice(b"PK\x01\x02");
        directory.extend_from_slice(&MADE_BY.to_le_bytes());
        directory.extend_from_slice(&common);
        // No comment, first disk, no internal attributes.
        directory.extend_from_slice(&[0; 6]);
        directory.extend_from_slice(&ATTRIBUTES.to_le_bytes());
        directory.extend_from_slice(&at.to_le_bytes());
        directory.extend_from_slice(name.as_bytes());
    }
    let (count, at, length) = (entries.len() as u16, file.len() as u32, directory.len() as u32);
    file.append(&mut directory);
    file.extend_from_slice(b"PK\x05\x06\0\0\0\0");
    file.extend_from_slice(&count.to_le_bytes());
    file.extend_from_slice(&count.to_le_bytes());
    file.extend_from_slice(&length.to_le_bytes());
    file.extend_from_slice(&at.to_le_bytes());
    file.extend_from_slice(&[0; 2]);
    Ok(file)
}

/// How long the file of these entries is.
fn size(entries: &Entries) -> u64 {
    entries.iter().map(|(name, bytes)| (30 + 46 + 2 * name.len() + bytes.len()) as u64).sum::<u64>() + 22
}

fn check(entries: &Entries) -> Result<(), ArchiveError> {
    if entries.len() > MOST_ENTRIES || size(entries) > MOST_BYTES {
        return Err(ArchiveError::TooLarge);
    }
    for name in entries.keys() {
        if !is_name(name) {
            return Err(ArchiveError::Name(name.clone()));
        }
        let folder = format!("{name}/");
        if entries.range(folder.clone()..).next().is_some_and(|(next, _)| next.starts_with(&folder)) {
            return Err(ArchiveError::FileAndFolder(name.clone()));
        }
    }
    Ok(())
}

/// The fields that an entry's own header and the directory share.
fn common(name: &str, crc: u32, length: u32) -> Vec<u8> {
    let mut fields = Vec::with_capacity(26);
    // Stored, at midnight.
    for field in [NEEDED, FLAGS, 0, 0, DATE] {
        fields.extend_from_slice(&field.to_le_bytes());
    }
    for field in [crc, length, length] {
        fields.extend_from_slice(&field.to_le_bytes());
    }
    fields.extend_from_slice(&(name.len() as u16).to_le_bytes());
    fields.extend_from_slice(&[0; 2]);
    fields
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entries(names: &[&str]) -> Entries {
        names.iter().map(|name| ((*name).to_owned(), name.as_bytes().to_vec())).collect()
    }

    #[test]
    fn names_stay_inside() {
        for good in ["a", "documents/0001-x.pdf", "rows/ledger_detail.tsv", "a.b/c"] {
            assert!(is_name(good), "{good}");
        }
        let long = "a".repeat(LONGEST_NAME + 1);
        for bad in ["", "/etc/passwd", "../a", "a/../b", "a//b", "a/", "C:\\a", "a\\b", "a b", ".a", "ä", "a\0", &long]
        {
            assert!(!is_name(bad), "{bad}");
            assert_eq!(write(&entries(&[bad])), Err(ArchiveError::Name(bad.to_owned())));
        }
        assert_eq!(write(&entries(&["a", "a-b", "a/b"])), Err(ArchiveError::FileAndFolder("a".to_owned())));
    }

    #[test]
    fn other_tools_read_it() {
        let wanted = entries(&["summary.pdf", "rows/a.tsv", "claim.json"]);
        let file = write(&wanted).expect("good names");
        assert_eq!(file.len() as u64, size(&wanted));
        let mut archive = zip::ZipArchive::new(std::io::Cursor::new(file)).expect("a ZIP file");
        let names: Vec<String> = (0..archive.len())
            .map(|at| archive.by_index(at).expect("listed").name().expect("UTF-8").into_owned())
            .collect();
        assert_eq!(names, ["claim.json", "rows/a.tsv", "summary.pdf"]);
        for (name, bytes) in &wanted {
            let mut read = Vec::new();
            std::io::Read::read_to_end(&mut archive.by_name(name).expect("there"), &mut read)
                .expect("read and checked");
            assert_eq!(&read, bytes);
        }
    }
}
