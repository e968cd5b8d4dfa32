//! Which partition a key belongs to.
//!
//! The Pulsar clients hash keys differently from one another, so the choice is ours and written down: FNV-1a, 64 bit,
//! over the key's UTF-8 bytes, folded to 32 bit, modulo the partition count. The count is fixed at provisioning; changing it moves keys
//! and breaks their order.

/// Partitions of every topic.
pub const PARTITIONS: u32 = 4;

/// The partition of `key`, from 0 to [`PARTITIONS`] - 1.
pub fn partition_of(key: &str) -> u32 {
    let hash = key
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3));
    ((hash >> 32) as u32 ^ hash as u32) % PARTITIONS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_never_changes() {
        // Stored keys rely on these: a different value here means that a running system would lose its order.
        assert_eq!(["", "a", "camp123", "0190163d-8694-739b-aea5-966c26f8ad91"].map(partition_of), [1, 0, 3, 0]);
    }

    #[test]
    fn keys_spread_evenly() {
        let mut counts = [0_u32; PARTITIONS as usize];
        for n in 0..40_000 {
            counts[partition_of(&format!("key-{n}")) as usize] += 1;
        }
        assert!(counts.iter().all(|count| (9_000..11_000).contains(count)), "{counts:?}");
    }
}
