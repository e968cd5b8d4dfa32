//! Fields in each shape that occurs.

use super::*;

#[test]
fn dates_are_read_in_every_shape_and_nothing_else() {
    let expected = NaiveDate::from_ymd_opt(2026, 5, 26);
    for text in ["2026-05-26", "05/26/2026", "26.05.2026", "2026-05-26T10:00:00Z", "2026-05-26 10:00:00 UTC"] {
        assert_eq!(date_of(text), expected, "{text}");
    }
    for text in ["", "2026-13-01", "26/05/2026", "2026-05-2", "2026-05-261", "05/26-2026", "2026/05/26", "x", "ÄÖÜÄÖÜ"]
    {
        assert_eq!(date_of(text), None, "{text}");
    }
}

#[test]
fn moments_keep_their_offset_with_and_without_colon() {
    for (text, utc) in [
        ("2026-07-06T00:00:00-0700", "2026-07-06T07:00:00+00:00"),
        ("2026-07-06T00:00:00-07:00", "2026-07-06T07:00:00+00:00"),
        ("2026-07-06T00:00:00.250+05:30", "2026-07-05T18:30:00+00:00"),
        ("06.07.2026 01:02:03 UTC", "2026-07-06T01:02:03+00:00"),
    ] {
        assert_eq!(instant_of(text).map(|at| at.to_utc().to_rfc3339()).as_deref(), Some(utc), "{text}");
    }
    for text in
        ["2026-07-06", "2026-07-06T00:00:00", "2026-07-06T25:00:00Z", "2026-07-06T00:00:00-7", "2026-07-06T00:00:00+é"]
    {
        assert_eq!(instant_of(text), None, "{text}");
    }
}

#[test]
fn either_decimal_sign_is_exact_and_a_doubtful_one_is_refused() {
    for (text, plain) in
        [("4,10", Some("4.10")), ("4.10", Some("4.10")), ("1.234,50", Some("1234.50")), ("1,234.50", Some("1234.50"))]
    {
        assert_eq!(plain_number(text).as_deref(), plain, "{text}");
    }
    assert_eq!(plain_number("12,34.50"), None);
    let comma = plain_number("1,234").map(|text| Money::parse(&text, Currency::USD));
    assert!(matches!(comma, Some(Err(MoneyError::TooPrecise { .. }))));
}
