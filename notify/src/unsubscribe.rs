//! The link in a mail by which its reader wants no more of its kind (RFC 8058). It is sealed: it says whose choice about what it changes, and
//! whoever has it has the mail. What keeps an account going cannot be switched off, so such mails have no link.

use serde::{Deserialize, Serialize};
use service_kit::handler::Failure;
use service_kit::sealed::{SealError, SealingKey};
use service_kit::store::{Cause, Store, new_id};
use shared_events::TenantId;
use shared_events::notify::{Channel, Preference};

use crate::domain::built_in::CATEGORIES;
use crate::put_contact;

/// What links are sealed for.
const PURPOSE: &str = "unsubscribe";
/// Who changed a choice by a link, in the audit.
const BY_LINK: &str = "link in a mail";

/// Whose choice about what a link changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Link {
    /// Whose data.
    pub tenant: TenantId,
    /// Who was written to.
    pub recipient: String,
    /// What kind of mail it was.
    pub category: String,
}

impl Link {
    /// The link's secret part; `None` for kinds that nobody can switch off.
    ///
    /// # Errors
    /// When the system gives no random bytes.
    pub fn seal(&self, key: &SealingKey) -> Result<Option<String>, SealError> {
        if !CATEGORIES.contains(&self.category.as_str()) {
            return Ok(None);
        }
        let plain = serde_json::to_string(self).map_err(|_| SealError::CannotOpen)?;
        let sealed = key.seal(PURPOSE, &plain)?;
        Ok(Some(sealed.trim_end_matches('=').replace('+', "-").replace('/', "_")))
    }

    /// What a link says, if it is one of ours.
    pub fn open(key: &SealingKey, token: &str) -> Option<Self> {
        let mut sealed = token.replace('-', "+").replace('_', "/");
        while !sealed.len().is_multiple_of(4) {
            sealed.push('=');
        }
        serde_json::from_str(&key.open(PURPOSE, &sealed).ok()?).ok()
    }
}

/// Changes the choice. Twice is as good as once.
///
/// # Errors
/// When the database is away.
pub async fn apply(store: &Store, link: &Link) -> Result<(), Failure> {
    let mut work = store.read(&link.tenant).await?;
    let cause = Cause::root(new_id(work.now()), Some(BY_LINK.to_owned()));
    let choice = Preference { category: link.category.clone(), channel: Channel::Email, enabled: false };
    put_contact::prefer(&mut work, &cause, &link.recipient, &[choice], BY_LINK).await?;
    work.commit().await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn link(category: &str) -> Link {
        let tenant = TenantId::try_new("demo").expect("a name");
        Link { tenant, recipient: "ann".into(), category: category.into() }
    }

    #[test]
    fn a_link_opens_as_it_was_made_and_no_other_opens() {
        let key: SealingKey = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=".parse().expect("a key");
        for _ in 0..20 {
            let token = link("orders").seal(&key).expect("sealed").expect("a link");
            assert!(token.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)), "{token}");
            assert_eq!(Link::open(&key, &token), Some(link("orders")));
            let mut other = token.clone();
            other.replace_range(20..21, if &token[20..21] == "A" { "B" } else { "A" });
            assert_eq!(Link::open(&key, &other), None);
        }
        assert_eq!(link("account").seal(&key), Ok(None));
        let contact = key.seal("contact", "{}").expect("sealed");
        assert_eq!(Link::open(&key, &contact), None);
    }
}
