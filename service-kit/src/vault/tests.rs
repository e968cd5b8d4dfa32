//! What is sealed opens, in any range, and nothing that was touched does.

use futures::{StreamExt, TryStreamExt, stream};
use proptest::prelude::*;
use shared_events::evidence::WrappedKey;

use super::*;

const PURPOSE: &str = "demo/documents/1";
const WIDTH: usize = CHUNK + TAG;

fn masters(text: &str) -> MasterKeys {
    text.parse().expect("good keys")
}

fn key(id: &str, byte: u8) -> String {
    use base64::Engine;
    format!("{id}:{}", base64::engine::general_purpose::STANDARD.encode([byte; 32]))
}

fn plain(length: usize) -> Vec<u8> {
    (0..length).map(|at| (at * 31 + at / 251) as u8).collect()
}

/// Seals in pieces of this size.
fn seal(keys: &MasterKeys, plain: &[u8], piece: usize) -> (Vec<u8>, WrappedKey) {
    let (key, wrapped) = keys.data_key(PURPOSE).expect("random");
    let mut sealer = Sealer::new(key, PURPOSE);
    let mut sealed = vec![];
    for piece in plain.chunks(piece) {
        sealed.extend(sealer.push(piece).expect("short enough"));
    }
    sealed.extend(sealer.finish().expect("short enough"));
    (sealed, wrapped)
}

fn open(
    keys: &MasterKeys,
    wrapped: &WrappedKey,
    sealed: &[u8],
    length: usize,
    range: std::ops::Range<u64>,
) -> Result<Vec<u8>, VaultError> {
    let mut opener = Opener::new(keys.unwrap(wrapped, PURPOSE)?, PURPOSE, length as u64, range);
    let needed = opener.sealed();
    let needed = sealed.get(needed.start as usize..needed.end as usize).ok_or(VaultError::CannotOpen)?;
    let mut opened = vec![];
    for piece in needed.chunks(50_000) {
        opened.extend(opener.push(piece)?);
    }
    opener.finish()?;
    Ok(opened)
}

fn all(length: usize) -> std::ops::Range<u64> {
    0..length as u64
}

#[test]
fn every_length_comes_back_whole() {
    let keys = masters(&key("a", 1));
    for length in [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK, 3 * CHUNK + 7] {
        let text = plain(length);
        let (sealed, wrapped) = seal(&keys, &text, 10_000);
        assert_eq!(sealed.len() as u64, sealed_len(length as u64));
        assert_eq!(open(&keys, &wrapped, &sealed, length, all(length)).as_ref(), Ok(&text), "{length}");
    }
}

#[test]
fn a_range_needs_only_its_own_chunks() {
    let keys = masters(&key("a", 1));
    let (key, _) = keys.data_key(PURPOSE).expect("random");
    let needed = Opener::new(key, PURPOSE, 10 * CHUNK as u64, CHUNK as u64 + 5..CHUNK as u64 + 6).sealed();
    assert_eq!(needed, WIDTH as u64..2 * WIDTH as u64);
}

#[test]
fn what_was_touched_does_not_open() {
    let keys = masters(&key("a", 1));
    let length = 2 * CHUNK + 100;
    let (sealed, wrapped) = seal(&keys, &plain(length), length);
    let refused = |sealed: &[u8], length: usize| open(&keys, &wrapped, sealed, length, all(length)).is_err();
    assert!(!refused(&sealed, length));
    let mut swapped = sealed.clone();
    swapped[..2 * WIDTH].rotate_left(WIDTH);
    assert!(refused(&swapped, length), "two chunks changed places");
    assert!(refused(&[&sealed[..WIDTH], &sealed[2 * WIDTH..]].concat(), length - CHUNK), "a chunk was left out");
    assert!(refused(&sealed[..2 * WIDTH], 2 * CHUNK), "cut after a whole chunk");
    assert!(refused(&sealed[..sealed.len() - 1], length), "cut within a chunk");
    assert!(refused(&[&sealed[..], &sealed[2 * WIDTH..]].concat(), length + 100), "the end is there twice");
}

#[test]
fn a_key_serves_its_purpose_only() {
    let keys = masters(&key("a", 1));
    let (sealed, wrapped) = seal(&keys, b"hello", 5);
    assert_eq!(keys.unwrap(&wrapped, "other/documents/1").err(), Some(VaultError::CannotOpen));
    let mut opener = Opener::new(keys.unwrap(&wrapped, PURPOSE).expect("ours"), "other/documents/1", 5, 0..5);
    assert_eq!(opener.push(&sealed), Err(VaultError::CannotOpen));
}

#[test]
fn a_new_master_key_takes_over() {
    let old = masters(&key("old", 1));
    let (sealed, wrapped) = seal(&old, b"hello", 5);
    let both = masters(&format!("{},{}", key("new", 2), key("old", 1)));
    assert_eq!(both.current(), "new");
    assert_eq!(open(&both, &wrapped, &sealed, 5, 0..5), Ok(b"hello".to_vec()));
    let moved = both.rewrap(&wrapped, PURPOSE).expect("both are there").expect("it was the old one");
    assert_eq!(both.rewrap(&moved, PURPOSE), Ok(None));
    let new = masters(&key("new", 2));
    assert_eq!(open(&new, &moved, &sealed, 5, 0..5), Ok(b"hello".to_vec()));
    assert_eq!(new.unwrap(&wrapped, PURPOSE).err(), Some(VaultError::UnknownMaster("old".into())));
}

#[test]
fn only_good_keys_are_taken() {
    for bad in ["", "a", "a:", "a:AAAA", &format!(":{}", &key("", 1)[1..]), &format!("{},{}", key("a", 1), key("a", 2))]
    {
        assert_eq!(bad.parse::<MasterKeys>().err(), Some(VaultError::BadKeys), "{bad}");
    }
    assert!(!format!("{:?}", masters(&key("a", 1))).contains("AQEB"));
}

#[tokio::test]
async fn a_stream_that_ends_early_is_an_error() {
    let keys = masters(&key("a", 1));
    let text = plain(CHUNK + 10);
    let (sealed, wrapped) = seal(&keys, &text, 1_000);
    let opener =
        || Opener::new(keys.unwrap(&wrapped, PURPOSE).expect("ours"), PURPOSE, text.len() as u64, 0..text.len() as u64);
    let pieces =
        |until: usize| stream::iter(sealed[..until].chunks(7_000).map(Ok::<_, std::io::Error>).collect::<Vec<_>>());
    let whole: Vec<Vec<u8>> = opened(opener(), pieces(sealed.len())).try_collect().await.expect("opens");
    assert_eq!(whole.concat(), text);
    let outcomes: Vec<_> = opened(opener(), pieces(WIDTH)).collect().await;
    assert!(outcomes.last().is_some_and(Result::is_err));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn any_range_equals_the_slice(length in 0..3 * CHUNK + 10, from in 0..3 * CHUNK + 10, size in 0..3 * CHUNK + 10, piece in 1..200_000_usize) {
        let keys = masters(&key("a", 1));
        let text = plain(length);
        let (sealed, wrapped) = seal(&keys, &text, piece);
        let (start, end) = (from.min(length), (from + size).min(length));
        let opened = open(&keys, &wrapped, &sealed, length, from as u64..(from + size) as u64);
        prop_assert_eq!(opened.as_deref(), Ok(&text[start..end]));
    }

    #[test]
    fn any_flipped_bit_is_noticed(length in 0..2 * CHUNK + 10, at in any::<prop::sample::Index>(), bit in 0..8_u8) {
        let keys = masters(&key("a", 1));
        let (mut sealed, wrapped) = seal(&keys, &plain(length), 65_536);
        let at = at.index(sealed.len());
        sealed[at] ^= 1 << bit;
        prop_assert!(open(&keys, &wrapped, &sealed, length, all(length)).is_err());
    }
}
