//! What sealing packets needs from the environment.

use std::sync::Arc;

use service_kit::config::{FromEnv, Reader, Var};

use crate::packet::keys::{PublicKey, SigningKey};

const SIGNING_KEY: Var =
    Var::new("PACKET_SIGNING_KEY", "base64 of a 32-byte Ed25519 seed or of a PKCS#8 key; signs proof packets");
const FORMER_KEYS: Var = Var::new(
    "PACKET_FORMER_PUBLIC_KEYS",
    "public keys that signed packets before, base64, parted by commas; published beside the present one",
);
const RETENTION: Var =
    Var::or("PACKET_RETENTION_DAYS", "2557", "for how many days a store with object lock keeps sealed packets");
/// A century.
const LONGEST: i64 = 36_525;

/// How packets are sealed.
#[derive(Debug, Clone)]
pub struct PacketConfig {
    /// Signs packets.
    pub signing_key: Arc<SigningKey>,
    /// Signed packets before.
    pub former_keys: Vec<PublicKey>,
    /// For how many days the store is to keep sealed packets.
    pub retention_days: i64,
}

impl FromEnv for PacketConfig {
    fn vars() -> Vec<Var> {
        vec![SIGNING_KEY, FORMER_KEYS, RETENTION]
    }

    fn read(reader: &mut Reader<'_>) -> Option<Self> {
        let (signing_key, retention_days) = (reader.required(&SIGNING_KEY), reader.required(&RETENTION));
        let former: Result<Vec<PublicKey>, _> = reader.list(&FORMER_KEYS).iter().map(|key| key.parse()).collect();
        if let Err(error) = &former {
            reader.complain(FORMER_KEYS.name, error.to_string());
        }
        if retention_days.is_some_and(|days: i64| !(0..=LONGEST).contains(&days)) {
            reader.complain(RETENTION.name, "must be from 0 to 36525");
        }
        Some(Self { signing_key: Arc::new(signing_key?), former_keys: former.ok()?, retention_days: retention_days? })
    }
}
