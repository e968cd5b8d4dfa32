//! Any bytes have a kind, or a reason why they have none.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let _ = evidence::reading::media_type::recognise(bytes);
});
