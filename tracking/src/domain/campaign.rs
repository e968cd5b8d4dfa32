//! What a campaign must look like and how its state may change.

use serde::{Deserialize, Serialize};
use shared_events::outcome::Rejection;
use shared_events::tracking::CreateCampaign;
use shared_events::{CampaignId, TenantId};
use utoipa::ToSchema;
use uuid::Uuid;

use super::rules;

/// Whether a campaign takes partners and conversions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum CampaignState {
    /// Being prepared.
    Draft,
    /// Open.
    Active,
    /// Links lead on, conversions earn nothing.
    Paused,
    /// Over for good.
    Ended,
}

impl CampaignState {
    /// The name on the wire and in the database.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Draft => "draft",
            Self::Active => "active",
            Self::Paused => "paused",
            Self::Ended => "ended",
        }
    }

    /// The state with this name.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Draft, Self::Active, Self::Paused, Self::Ended].into_iter().find(|state| state.name() == name)
    }

    /// Whether a campaign in this state may go to `next`: draft > active <> paused, and any of them > ended.
    pub const fn may_become(self, next: Self) -> bool {
        matches!(
            (self, next),
            (Self::Draft | Self::Paused, Self::Active)
                | (Self::Active, Self::Paused)
                | (Self::Draft | Self::Active | Self::Paused, Self::Ended)
        )
    }
}

/// Whether a new campaign makes sense.
///
/// # Errors
/// A [`Rejection`] that names the first field at fault.
pub fn check_new(tenant: &TenantId, command: &CreateCampaign) -> Result<(), Rejection> {
    check_code("code", &command.code, 2..=64)?;
    let refuse = |field: &str, detail: &str| Err(Rejection::new("campaign_invalid", detail).at(field));
    if command.campaign_id != CampaignId::from_code(tenant, &command.code) {
        return refuse("campaign_id", "the id of a campaign follows from its code");
    }
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
    if !command.destinations.iter().all(|url| is_https_url(url)) {
        return refuse("destinations", "a destination is an absolute https URL without user, password or blanks");
    }
    rules::check(&command.rules)
}

/// Whether `code` may stand in a path: letters, digits, `-` and `_`, starting with a letter or digit, and no UUID (a path segment that is a
/// UUID means an id).
///
/// # Errors
/// A [`Rejection`] that names `field`.
pub fn check_code(field: &str, code: &str, length: std::ops::RangeInclusive<usize>) -> Result<(), Rejection> {
    let starts_well = code.starts_with(|first: char| first.is_ascii_alphanumeric());
    let all_plain = code.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_');
    if length.contains(&code.len()) && starts_well && all_plain && Uuid::try_parse(code).is_err() {
        return Ok(());
    }
    let detail = format!("a code has {} to {} letters, digits, - or _, and is no UUID", length.start(), length.end());
    Err(Rejection::new("code_invalid", detail).at(field))
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
        assert!(check_code("code", "camp123", 2..=64).is_ok());
        for bad in
            ["", "x", "-x", "a b", "a/b", "0190163d-8694-739b-aea5-966c26f8ad91", "0190163d8694739baea5966c26f8ad91"]
        {
            assert!(check_code("code", bad, 2..=64).is_err(), "{bad}");
        }
    }

    #[test]
    fn an_ended_campaign_stays_ended() {
        use CampaignState::{Active, Draft, Ended, Paused};
        for next in [Draft, Active, Paused, Ended] {
            assert!(!Ended.may_become(next));
        }
        assert!(
            Draft.may_become(Active)
                && Active.may_become(Paused)
                && Paused.may_become(Active)
                && !Draft.may_become(Paused)
        );
    }
}
