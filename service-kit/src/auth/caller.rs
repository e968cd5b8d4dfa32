//! The caller of a request, as its token says.

use std::sync::Arc;

use axum::extract::{FromRequestParts, OptionalFromRequestParts};
use axum::http::header;
use axum::http::request::Parts;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use shared_events::{PartnerId, Subject, TenantId};

use super::keys::{self, KeyRing};
use super::verify::Verifier;
use crate::limits::SubjectLimits;
use crate::problem::Problem;

/// What a caller may do. A token may hold several; names that are not listed here grant nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Everything in the tenant.
    Admin,
    /// Campaigns, reviews, payouts.
    Manager,
    /// Day-to-day work: payout files, shipments.
    Operator,
    /// A seller on a marketplace.
    Seller,
    /// A partner: sees and acts for itself only.
    Partner,
    /// A customer.
    Customer,
}

impl Role {
    /// Those who work for the tenant and see all of it.
    pub const STAFF: [Self; 3] = [Self::Admin, Self::Manager, Self::Operator];

    /// The role with this name in a token.
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "admin" => Some(Self::Admin),
            "manager" => Some(Self::Manager),
            "operator" => Some(Self::Operator),
            "seller" => Some(Self::Seller),
            "partner" => Some(Self::Partner),
            "customer" => Some(Self::Customer),
            _ => None,
        }
    }
}

/// Who calls, for whom, and what they may do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// The tenant; everything that the caller sees is this tenant's.
    pub tenant: TenantId,
    /// The caller.
    pub subject: Subject,
    /// What the caller may do.
    pub roles: Vec<Role>,
    /// The partner that the caller acts for: the token's `partner`, or the subject itself for a partner without one.
    pub partner: Option<PartnerId>,
    /// The token as it was sent, to be passed on to another service.
    pub token: String,
    /// When the token ends, by the machine's clock; absent for keys, which are looked up anew each time.
    pub expires_at: Option<DateTime<Utc>>,
}

impl Caller {
    /// Whether the caller holds one of these roles.
    pub fn has_any(&self, roles: &[Role]) -> bool {
        self.roles.iter().any(|role| roles.contains(role))
    }

    /// Demands one of these roles.
    ///
    /// # Errors
    /// 403 otherwise.
    pub fn require(&self, roles: &[Role]) -> Result<(), Problem> {
        if self.has_any(roles) {
            return Ok(());
        }
        Err(Problem::forbidden("the token's roles do not allow this"))
    }

    /// Whether the caller works for the tenant and sees all of it.
    pub fn is_staff(&self) -> bool {
        self.has_any(&Role::STAFF)
    }

    /// Whether the caller may see what belongs to `partner`: staff everything, a partner its own.
    pub fn may_see(&self, partner: &PartnerId) -> bool {
        self.is_staff() || (self.has_any(&[Role::Partner]) && self.partner.as_ref() == Some(partner))
    }

    /// The partner whose things a list shows: for staff the one asked for (or all), for a partner its own.
    ///
    /// # Errors
    /// 404 when a partner asks for another's things, 403 for callers that are neither.
    pub fn partner_filter(&self, asked: Option<PartnerId>) -> Result<Option<PartnerId>, Problem> {
        if self.is_staff() {
            return Ok(asked);
        }
        self.require(&[Role::Partner])?;
        match (asked, &self.partner) {
            (Some(asked), own) if own.as_ref() != Some(&asked) => Err(Problem::not_found()),
            (_, Some(own)) => Ok(Some(own.clone())),
            (_, None) => Err(Problem::forbidden("the token names no partner")),
        }
    }
}

async fn caller(parts: &mut Parts) -> Result<Option<Caller>, Problem> {
    let Some(sent) = sent(parts)? else { return Ok(None) };
    let caller = if sent.starts_with(keys::KEY_PREFIX) {
        keys::caller(parts, &sent).await?
    } else {
        let Some(verifier) = parts.extensions.get::<Arc<Verifier>>().cloned() else {
            return Err(Problem::internal(anyhow::anyhow!("the route is served without a verifier")));
        };
        Caller::clone(&*verifier.verify(&sent).await?)
    };
    if let Some(limits) = parts.extensions.get::<Arc<SubjectLimits>>().cloned() {
        limits.check(&caller.tenant, &caller.subject).await?;
    }
    Ok(Some(caller))
}

/// The token or key that was sent. A key in a header of its own counts where keys are taken, and only without `Authorization`.
fn sent(parts: &Parts) -> Result<Option<String>, Problem> {
    let bearer = |text: &str| {
        let (scheme, token) = text.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| token.trim().to_owned())
    };
    match parts.headers.get(header::AUTHORIZATION) {
        Some(value) => Ok(Some(value.to_str().ok().and_then(bearer).ok_or_else(Problem::invalid_token)?)),
        None if parts.extensions.get::<Arc<dyn KeyRing>>().is_none() => Ok(None),
        None => match keys::in_header(&parts.headers) {
            Some(key) if !key.starts_with(keys::KEY_PREFIX) => Err(Problem::invalid_token()),
            key => Ok(key.map(str::to_owned)),
        },
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Problem> {
        caller(parts).await?.ok_or_else(Problem::unauthorized)
    }
}

/// `None` without an `Authorization` header; a bad token is refused all the same.
impl<S: Send + Sync> OptionalFromRequestParts<S> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Option<Self>, Problem> {
        caller(parts).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn caller(roles: &[Role], partner: Option<&str>) -> Caller {
        Caller {
            tenant: TenantId::try_new("demo").expect("valid"),
            subject: Subject::try_new("user123").expect("valid"),
            roles: roles.to_vec(),
            partner: partner.map(|name| PartnerId::try_new(name).expect("valid")),
            token: String::new(),
            expires_at: None,
        }
    }

    #[test]
    fn a_partner_sees_only_its_own() {
        let (own, other) = (PartnerId::try_new("p1").expect("valid"), PartnerId::try_new("p2").expect("valid"));
        let partner = caller(&[Role::Partner], Some("p1"));
        assert!(partner.may_see(&own) && !partner.may_see(&other));
        assert_eq!(partner.partner_filter(None).expect("allowed"), Some(own.clone()));
        assert_eq!(partner.partner_filter(Some(other.clone())).expect_err("refused").status().as_u16(), 404);
        let manager = caller(&[Role::Manager], None);
        assert!(manager.may_see(&other));
        assert_eq!(manager.partner_filter(None).expect("allowed"), None);
        let customer = caller(&[Role::Customer], Some("p1"));
        assert_eq!(customer.partner_filter(Some(own)).expect_err("refused").status().as_u16(), 403);
    }
}
