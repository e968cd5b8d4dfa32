//! What can be told of a command by itself. The edge refuses by it at once, and the service that owns the command by the same words.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use serde_json::Value;
use uuid::Uuid;

use super::{CreateCampaign, check_rules};
use crate::outcome::Rejection;

/// How long the code of a campaign is, in letters.
pub const CAMPAIGN_CODE: RangeInclusive<usize> = 2..=64;
/// How long the code of a link is, in letters.
pub const LINK_CODE: RangeInclusive<usize> = 3..=64;
/// Bytes of an enrolment's metadata at most, as of an event's.
const MOST_METADATA_BYTES: usize = 16 * 1024;
/// Levels of it at most, likewise.
const MOST_METADATA_DEPTH: usize = 32;

/// Whether a new campaign makes sense, whatever the tenant has.
///
/// # Errors
/// A [`Rejection`] that names the first field at fault.
pub fn check_campaign(command: &CreateCampaign) -> Result<(), Rejection> {
    check_code("code", &command.code, CAMPAIGN_CODE)?;
    let refuse = |field: &str, detail: &str| Err(Rejection::new("campaign_invalid", detail).at(field));
    if command.name.trim().is_empty()
        || command.name.chars().count() > 200
        || command.name.chars().any(char::is_control)
    {
        return refuse("name", "a name has 1 to 200 characters");
    }
    if !(1..=3_650).contains(&command.attribution.click_window_days) {
        return refuse("attribution.click_window_days", "a click window has 1 to 3,650 days");
    }
    if command.destinations.is_empty() || command.destinations.len() > 20 {
        return refuse("destinations", "a campaign has 1 to 20 destinations");
    }
    if let Some(index) = command.destinations.iter().position(|url| !is_https_url(url)) {
        let detail = "a destination is an absolute https URL of at most 2,000 bytes without user, password or blanks";
        return refuse(&format!("destinations[{index}]"), detail);
    }
    check_rules(&command.rules)
}

/// Whether `code` may stand in a path: letters, digits, `-` and `_`, starting with a letter or digit, and no UUID (a path segment that is a
/// UUID means an id).
///
/// # Errors
/// A [`Rejection`] that names `field`.
pub fn check_code(field: &str, code: &str, length: RangeInclusive<usize>) -> Result<(), Rejection> {
    let starts_well = code.starts_with(|first: char| first.is_ascii_alphanumeric());
    let all_plain = code.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_');
    if length.contains(&code.len()) && starts_well && all_plain && Uuid::try_parse(code).is_err() {
        return Ok(());
    }
    let detail = format!("a code has {} to {} letters, digits, - or _, and is no UUID", length.start(), length.end());
    Err(Rejection::new("code_invalid", detail).at(field))
}

/// Whether what a partner wants kept with its enrolment can be kept: any JSON of bounded size and depth, without U+0000.
///
/// # Errors
/// A [`Rejection`] that names `metadata`.
pub fn check_metadata(metadata: &BTreeMap<String, Value>) -> Result<(), Rejection> {
    let bytes = serde_json::to_string(metadata).map_or(usize::MAX, |json| json.len());
    let depth = 1 + metadata.values().map(depth).max().unwrap_or_default();
    let nul = metadata.iter().any(|(name, value)| name.contains('\0') || holds_nul(value));
    if bytes <= MOST_METADATA_BYTES && depth <= MOST_METADATA_DEPTH && !nul {
        return Ok(());
    }
    let detail = format!("at most {MOST_METADATA_BYTES} bytes, {MOST_METADATA_DEPTH} levels deep, without U+0000");
    Err(Rejection::new("metadata_invalid", detail).at("metadata"))
}

fn depth(value: &Value) -> usize {
    match value {
        Value::Array(items) => 1 + items.iter().map(depth).max().unwrap_or_default(),
        Value::Object(fields) => 1 + fields.values().map(depth).max().unwrap_or_default(),
        _ => 0,
    }
}

fn holds_nul(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains('\0'),
        Value::Array(items) => items.iter().any(holds_nul),
        Value::Object(fields) => fields.iter().any(|(name, value)| name.contains('\0') || holds_nul(value)),
        _ => false,
    }
}

/// A conservative check: the URL ends up in a `Location` header.
fn is_https_url(url: &str) -> bool {
    let Some(rest) = url.strip_prefix("https://") else { return false };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host_and_port_only = !authority.is_empty()
        && authority
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b':' | b'[' | b']'));
    host_and_port_only && url.len() <= 2_000 && url.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\')
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_plain_https_urls_are_destinations() {
        for good in ["https://shop.example", "https://shop.example:8443/a?b=c#d", "https://[::1]/"] {
            assert!(is_https_url(good), "{good}");
        }
        for bad in [
            "http://shop.example",
            "https://",
            "https:///x",
            "javascript:alert(1)",
            "https://u:p@shop.example",
            "https://a b",
            "https://a\r\nx: y",
            "https://ü.example",
            "https://a\\b",
        ] {
            assert!(!is_https_url(bad), "{bad}");
        }
    }

    #[test]
    fn a_code_is_never_a_uuid() {
        assert!(check_code("code", "camp123", CAMPAIGN_CODE).is_ok());
        for bad in
            ["", "x", "-x", "a b", "a/b", "0190163d-8694-739b-aea5-966c26f8ad91", "0190163d8694739baea5966c26f8ad91"]
        {
            assert!(check_code("code", bad, CAMPAIGN_CODE).is_err(), "{bad}");
        }
    }

    #[test]
    fn metadata_is_any_json_within_its_bounds() {
        let nested = |levels: usize| (0..levels).fold(json!(1), |inner, _| json!([inner]));
        let kept = |value: Value| check_metadata(&BTreeMap::from([("a".to_owned(), value)])).is_ok();
        for good in [json!("app"), json!(30), json!({"b": [null, true, 1.5]}), nested(31), json!("x".repeat(16_000))] {
            assert!(kept(good.clone()), "{good}");
        }
        for bad in [nested(32), json!("x".repeat(16_400)), json!("\0"), json!([{"\0": 1}])] {
            assert!(!kept(bad.clone()), "{bad}");
        }
    }
}
