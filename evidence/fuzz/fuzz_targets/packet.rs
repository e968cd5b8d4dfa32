//! Proof packets: any bytes end in a report, within memory, and none but those of a sealed packet are intact.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let report = evidence::packet::verify::verify(bytes, &[]);
    assert_eq!(report.intact, report.findings.is_empty());
});
