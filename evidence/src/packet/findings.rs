//! What can be wrong with a packet, in words.

use std::fmt;

use serde::{Serialize, Serializer};

use super::sha256::Sha256;
use super::unarchive::Unreadable;

/// One thing that is wrong with a packet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Finding {
    /// The file cannot be read at all.
    Unreadable(Unreadable),
    /// There is no manifest.
    NoManifest,
    /// The manifest is no manifest.
    BadManifest(String),
    /// Written by newer software, or by none.
    UnknownFormat(String),
    /// There is no signature.
    NoSignature,
    /// The signature does not fit the manifest and the key.
    BadSignature {
        /// The key that should have made it.
        key_id: String,
    },
    /// Signed with a key that is none of the given ones.
    WrongKey {
        /// The key that the packet names.
        key_id: String,
    },
    /// The manifest lists it and the file does not hold it.
    Missing {
        /// The entry.
        path: String,
    },
    /// The file holds it and the manifest does not list it.
    Extra {
        /// The entry.
        path: String,
    },
    /// Its bytes are not those that were sealed.
    Altered {
        /// The entry.
        path: String,
        /// The hash that it should have.
        expected: Sha256,
        /// The hash that it has.
        found: Sha256,
    },
    /// Its bytes cannot be read.
    Damaged {
        /// The entry.
        path: String,
        /// What is wrong.
        why: String,
    },
    /// Its length is not the one in the manifest.
    WrongLength {
        /// The entry.
        path: String,
    },
    /// It is there more than once.
    Duplicate {
        /// The entry.
        path: String,
    },
    /// A name that could reach outside of a folder, or that no packet uses.
    BadName {
        /// The entry.
        path: String,
    },
    /// The entries are not sorted.
    WrongOrder,
    /// The root does not follow from the entries of the manifest.
    WrongRoot,
    /// Chain and draft mark contradict each other.
    BadChain(&'static str),
    /// The contents may be as sealed; the file around them is not.
    Repacked {
        /// The first byte that differs.
        at: u64,
    },
}

impl Finding {
    /// A stable word for programs.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Unreadable(_) => "unreadable",
            Self::NoManifest => "no_manifest",
            Self::BadManifest(_) => "bad_manifest",
            Self::UnknownFormat(_) => "unknown_format",
            Self::NoSignature => "no_signature",
            Self::BadSignature { .. } => "bad_signature",
            Self::WrongKey { .. } => "wrong_key",
            Self::Missing { .. } => "missing_entry",
            Self::Extra { .. } => "extra_entry",
            Self::Altered { .. } => "altered_entry",
            Self::Damaged { .. } => "damaged_entry",
            Self::WrongLength { .. } => "wrong_length",
            Self::Duplicate { .. } => "duplicate_entry",
            Self::BadName { .. } => "bad_name",
            Self::WrongOrder => "wrong_order",
            Self::WrongRoot => "wrong_root",
            Self::BadChain(_) => "bad_chain",
            Self::Repacked { .. } => "repacked",
        }
    }

    /// The entry that it is about.
    #[must_use]
    pub fn path(&self) -> Option<&str> {
        match self {
            Self::Missing { path }
            | Self::Extra { path }
            | Self::Altered { path, .. }
            | Self::Damaged { path, .. }
            | Self::WrongLength { path }
            | Self::Duplicate { path }
            | Self::BadName { path } => Some(path),
            _ => None,
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Names come from the file: `{:?}` keeps control characters off the terminal.
        match self {
            Self::Unreadable(why) => why.fmt(f),
            Self::NoManifest => {
                f.write_str("manifest.json is missing: this is no proof packet, or its core was taken out")
            }
            Self::BadManifest(why) => write!(f, "manifest.json cannot be read: {why}"),
            Self::UnknownFormat(format) => write!(f, "the format {format:?} is unknown to this program"),
            Self::NoSignature => f.write_str("manifest.sig is missing: nobody vouches for the manifest"),
            Self::BadSignature { key_id } => {
                write!(f, "the signature is not one of key {key_id} over this manifest: one of them was altered")
            }
            Self::WrongKey { key_id } => write!(f, "signed with key {key_id}, which is none of the given keys"),
            Self::Missing { path } => write!(f, "{path:?} is missing"),
            Self::Extra { path } => write!(f, "{path:?} was added: the manifest does not list it"),
            Self::Altered { path, expected, found } => {
                write!(f, "{path:?} was altered: its SHA-256 is {found}, sealed was {expected}")
            }
            Self::Damaged { path, why } => write!(f, "{path:?} was altered or damaged: {why}"),
            Self::WrongLength { path } => write!(f, "{path:?} is not as long as the manifest says"),
            Self::Duplicate { path } => write!(f, "{path:?} is there more than once"),
            Self::BadName { path } => write!(f, "{path:?} is a name that no packet uses; do not unpack this file"),
            Self::WrongOrder => f.write_str("the entries are not in order"),
            Self::WrongRoot => f.write_str("the Merkle root does not follow from the entries of the manifest"),
            Self::BadChain(why) => write!(f, "chain and draft mark contradict each other: {why}"),
            Self::Repacked { at } => {
                write!(
                    f,
                    "the ZIP file around the contents is not the one that was sealed: it differs from byte {at} on"
                )
            }
        }
    }
}

/// As code, sentence and entry.
impl Serialize for Finding {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Shown<'a> {
            code: &'a str,
            detail: String,
            #[serde(skip_serializing_if = "Option::is_none")]
            path: Option<&'a str>,
        }
        Shown { code: self.code(), detail: self.to_string(), path: self.path() }.serialize(serializer)
    }
}
