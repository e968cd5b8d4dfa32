//! Reads ZIP files that may be hostile, and keeps what is odd about them instead of smoothing it over.
//!
//! A ready-made reader was looked at (`zip`): it makes one entry of two with the same name, which is just what must not go unseen.

use std::io::Read;

use super::archive::{MOST_BYTES, MOST_ENTRIES};

/// What is read at most.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Entries.
    pub entries: usize,
    /// Bytes of all entries together.
    pub bytes: u64,
    /// Bytes that one compressed byte may become.
    pub ratio: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { entries: MOST_ENTRIES, bytes: MOST_BYTES, ratio: 200 }
    }
}

/// Why nothing can be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    /// Does not begin like a ZIP file.
    #[error("this is not a ZIP file")]
    NoZip,
    /// Ends before its end.
    #[error("the file is cut off: the directory at its end is missing")]
    CutOff,
    /// The directory does not hold together.
    #[error("the directory of the ZIP file is damaged: {0}")]
    Directory(&'static str),
    /// More than [`Limits`] allow.
    #[error("the ZIP file holds more than is read of a packet: {0}")]
    TooMuch(&'static str),
}

/// One entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// Its name; bytes that are no UTF-8 are replaced.
    pub name: String,
    /// What it holds, or why that cannot be read.
    pub content: Result<Vec<u8>, String>,
}

/// Reads every entry, in the order of the directory.
///
/// # Errors
/// [`Unreadable`].
pub fn read(file: &[u8], limits: Limits) -> Result<Vec<Item>, Unreadable> {
    if !file.starts_with(b"PK") {
        return Err(Unreadable::NoZip);
    }
    let end = find_end(file).ok_or(Unreadable::CutOff)?;
    let (count, at) = (u16_at(file, end + 10), u32_at(file, end + 16));
    let (Some(count), Some(at)) = (count, at) else { return Err(Unreadable::CutOff) };
    if usize::from(count) > limits.entries {
        return Err(Unreadable::TooMuch("entries"));
    }
    let (mut at, mut left, mut items) = (at as usize, limits.bytes, Vec::new());
    for _ in 0..count {
        let listed = Listed::read(file, at).ok_or(Unreadable::Directory("an entry is damaged or missing"))?;
        // Judged by what is promised, before anything is unpacked; no more than the promise is unpacked later.
        left = left.checked_sub(listed.length).ok_or(Unreadable::TooMuch("bytes"))?;
        if listed.length > 1 << 20 && listed.length / limits.ratio > listed.packed {
            return Err(Unreadable::TooMuch("bytes for its size"));
        }
        at += listed.size;
        items.push(Item { name: listed.name.clone(), content: listed.content(file) });
    }
    Ok(items)
}

/// The last end record. A comment of up to 65,535 bytes may follow it.
fn find_end(file: &[u8]) -> Option<usize> {
    let last = file.len().checked_sub(22)?;
    let first = last.saturating_sub(usize::from(u16::MAX));
    (first..=last).rev().find(|at| file[*at..].starts_with(b"PK\x05\x06"))
}

/// An entry as the directory lists it.
struct Listed {
    name: String,
    method: u16,
    crc: u32,
    packed: u64,
    length: u64,
    at: usize,
    /// Of the listing itself.
    size: usize,
}

impl Listed {
    fn read(file: &[u8], at: usize) -> Option<Self> {
        if !file.get(at..)?.starts_with(b"PK\x01\x02") {
            return None;
        }
        let [name, extra, comment] = [28, 30, 32].map(|field| u16_at(file, at + field).map(usize::from));
        let name = file.get(at + 46..at + 46 + name?)?;
        Some(Self {
            name: String::from_utf8_lossy(name).into_owned(),
            method: u16_at(file, at + 10)?,
            crc: u32_at(file, at + 16)?,
            packed: u32_at(file, at + 20)?.into(),
            length: u32_at(file, at + 24)?.into(),
            at: u32_at(file, at + 42)? as usize,
            size: 46 + name.len() + extra? + comment?,
        })
    }

    fn content(&self, file: &[u8]) -> Result<Vec<u8>, String> {
        let packed = self.packed(file).ok_or("its bytes are not where the directory says")?;
        let content = match self.method {
            0 => packed.to_vec(),
            8 => {
                let mut content = Vec::new();
                let mut reader = flate2::read::DeflateDecoder::new(packed).take(self.length + 1);
                reader.read_to_end(&mut content).map_err(|_| "its compressed bytes are damaged")?;
                content
            }
            other => return Err(format!("it is compressed by method {other}, which no packet uses")),
        };
        if content.len() as u64 != self.length {
            return Err("it is not as long as the directory says".to_owned());
        }
        if crc32fast::hash(&content) != self.crc {
            return Err("its checksum is wrong".to_owned());
        }
        Ok(content)
    }

    fn packed<'a>(&self, file: &'a [u8]) -> Option<&'a [u8]> {
        if !file.get(self.at..)?.starts_with(b"PK\x03\x04") {
            return None;
        }
        let [name, extra] = [26, 28].map(|field| u16_at(file, self.at + field).map(usize::from));
        let start = self.at + 30 + name? + extra?;
        file.get(start..start.checked_add(usize::try_from(self.packed).ok()?)?)
    }
}

fn u16_at(file: &[u8], at: usize) -> Option<u16> {
    file.get(at..at.checked_add(2)?)?.try_into().ok().map(u16::from_le_bytes)
}

fn u32_at(file: &[u8], at: usize) -> Option<u32> {
    file.get(at..at.checked_add(4)?)?.try_into().ok().map(u32::from_le_bytes)
}
