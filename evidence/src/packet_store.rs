//! Where sealed packets are kept, and cost documentation: in the object store, encrypted as documents are, under a name that follows from the
//! id.

use std::io;
use std::ops::Range;

use anyhow::Context;
use bytes::Bytes;
use chrono::{DateTime, Utc};
use futures::Stream;
use providers::files::{Files, Place, Unreadable};
use providers::objects::ObjectKey;
use service_kit::vault::{Sealer, sealed_len};
use shared_events::evidence::{StoredFile, WrappedKey};
use shared_events::{PacketId, TenantId};

use crate::packet_facts::Stored;

/// Plain bytes that are encrypted at a time.
const PIECE: usize = 1 << 20;

/// The name of a packet's object.
pub fn object(packet: PacketId) -> String {
    format!("packets/{packet}.zip")
}

/// A key for one file, to be kept with its row.
///
/// # Errors
/// When the system gives no random bytes.
pub fn new_key(files: &Files, tenant: &TenantId, object: &str) -> anyhow::Result<WrappedKey> {
    let (_, wrapped) = files.masters.data_key(&StoredFile::purpose(tenant, object))?;
    Ok(wrapped)
}

/// A document's bytes.
///
/// # Errors
/// When the store is away, or the bytes are not as they were stored.
pub async fn document(files: &Files, tenant: &TenantId, stored: &Stored) -> Result<Vec<u8>, Unreadable> {
    let place = Place { object: stored.object.clone(), bytes: stored.bytes, key: stored.key.clone() };
    files.read_whole(tenant, &place).await
}

/// Stores a file that never changes. The same file is the same object byte for byte, so one that is there already was stored by a try before this, and is
/// left alone: where the store locks objects, a second version would have to be kept for years.
///
/// # Errors
/// When the store is away.
pub async fn put(
    files: &Files,
    tenant: &TenantId,
    place: &Place,
    plain: &[u8],
    retained_until: Option<DateTime<Utc>>,
) -> anyhow::Result<()> {
    let key = ObjectKey::try_new(&place.object)?;
    let there = files.objects.head(&key).await.context("looking for the file")?;
    if there.is_some_and(|object| object.bytes == sealed_len(plain.len() as u64)) {
        return Ok(());
    }
    let purpose = StoredFile::purpose(tenant, &place.object);
    let mut sealer = Sealer::new(files.masters.unwrap(&place.key, &purpose)?, purpose);
    let mut sealed = Vec::with_capacity(sealed_len(plain.len() as u64) as usize);
    for piece in plain.chunks(PIECE) {
        sealed.append(&mut sealer.push(piece)?);
    }
    sealed.append(&mut sealer.finish()?);
    let sealed = Bytes::from(sealed);
    match retained_until {
        Some(until) => drop(files.objects.put_retained(&key, sealed, until).await.context("storing the packet")?),
        None => {
            let mut writer = files.objects.write(&key).await.context("storing the file")?;
            writer.write(sealed).await.context("storing the file")?;
            writer.finish().await.context("storing the file")?;
        }
    }
    Ok(())
}

/// A part of a packet as it comes from the store.
///
/// # Errors
/// When the store is away.
pub async fn read(
    files: &Files,
    tenant: &TenantId,
    place: &Place,
    range: Range<u64>,
) -> Result<impl Stream<Item = io::Result<Vec<u8>>> + Send + use<>, Unreadable> {
    files.read(tenant, place, range).await
}
