//! UBL and CII: any bytes are an invoice or a refusal.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let _ = evidence::reading::read_xml(bytes);
});
