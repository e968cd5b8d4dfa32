//! The mail address that a customer gives with an order, sealed for notify, which writes to it where the customer is reached nowhere else.

use service_kit::sealed::{SealError, SealingKey, mask_email};
use shared_events::TenantId;
use shared_events::notify::{AddressMark, Channel, SealedPoint, contact_purpose, mark_text};

/// Seals an address for this customer of this tenant. What is no plain address is left out: it may be anything that a shop has sent,
/// and an order is taken without it, too.
///
/// # Errors
/// When no random number can be had.
pub fn sealed(
    key: &SealingKey,
    tenant: &TenantId,
    customer: &str,
    address: Option<&str>,
) -> Result<Option<SealedPoint>, SealError> {
    let Some(address) = address.map(str::trim).filter(|address| is_plain(address)) else { return Ok(None) };
    Ok(Some(SealedPoint {
        channel: Channel::Email,
        sealed: key.seal(&contact_purpose(tenant, customer, Channel::Email), address)?,
        mark: AddressMark(key.digest(mark_text(tenant, Channel::Email, address).as_bytes())),
        masked: mask_email(address),
    }))
}

/// One address and nothing else: what would be a header or a second address in a mail is none.
fn is_plain(address: &str) -> bool {
    let Some((name, domain)) = address.split_once('@') else { return false };
    let is_odd = |letter: char| letter.is_whitespace() || letter.is_control() || "<>,;:\"\\()[]@".contains(letter);
    !name.is_empty() && domain.contains('.') && !name.contains(is_odd) && !domain.contains(is_odd)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_address_is_sealed_and_for_its_customer_alone() {
        let key: SealingKey = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=".parse().expect("a key");
        let tenant = TenantId::try_new("demo").expect("a name");
        let seal = |address| sealed(&key, &tenant, "ann", Some(address)).expect("sealed");
        for odd in ["", "ann", "ann@localhost", "a@x.com,b@x.com", "Ann <a@x.com>", "a@x.com\r\nBcc: b@x.com"] {
            assert_eq!(seal(odd), None, "{odd}");
        }
        let point = seal(" Ann@Example.com ").expect("an address");
        assert!(!point.masked.contains("Ann@") && !point.sealed.contains("Ann"));
        assert_eq!(
            seal("ann@example.com").expect("an address").mark,
            point.mark,
            "the same address, as others write it"
        );
        let opened = key.open(&contact_purpose(&tenant, "ann", Channel::Email), &point.sealed);
        assert_eq!(opened.ok().as_deref(), Some("Ann@Example.com"));
        assert!(key.open(&contact_purpose(&tenant, "bob", Channel::Email), &point.sealed).is_err());
    }
}
