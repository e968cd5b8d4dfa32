//! Numbers and dates in any text: their places are within it.
#![no_main]

use evidence::reading::amount_text::{Mark, numbers};
use evidence::reading::date_text::dates;

libfuzzer_sys::fuzz_target!(|text: &str| {
    for mark in [Mark::Point, Mark::Comma, Mark::Unknown] {
        for number in numbers(text, mark) {
            assert!(text.get(number.from..number.to).is_some());
        }
    }
    for month_first in [false, true] {
        for day in dates(text, month_first) {
            assert!(text.get(day.from..day.to).is_some());
        }
    }
});
