//! The application, and one seller's connection.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use service_kit::clock::Clock;
use service_kit::config::Secret;
use service_kit::http_client;

use super::access::{Access, Accesses, Shared};
use super::bucket::Buckets;
use super::{Application, Endpoints, Patience, Region};

/// Only a backstop: every request has a deadline of its own, and a large file takes its time.
const LONGEST_REQUEST: Duration = Duration::from_secs(6 * 3_600);

/// Our application with Amazon. Made once per process, since it holds the rates and the access tokens; cloning shares them.
#[derive(Clone)]
pub struct SellingPartner(Arc<Inner>);

#[derive(Clone)]
struct Inner {
    http: reqwest::Client,
    endpoints: Endpoints,
    application: Application,
    clock: Arc<dyn Clock>,
    patience: Patience,
    buckets: Arc<Buckets>,
    accesses: Arc<Accesses>,
}

impl SellingPartner {
    /// `clock` says when access tokens and links run out.
    pub fn new(endpoints: Endpoints, application: Application, clock: Arc<dyn Clock>) -> Self {
        Self(Arc::new(Inner {
            http: http_client::client(LONGEST_REQUEST),
            endpoints,
            application,
            clock,
            patience: Patience::default(),
            buckets: Arc::default(),
            accesses: Arc::default(),
        }))
    }

    /// The same with another patience.
    #[must_use]
    pub fn with_patience(&self, patience: Patience) -> Self {
        let mut inner = Inner::clone(&self.0);
        inner.patience = patience;
        Self(Arc::new(inner))
    }

    /// A seller's connection. `seller` names whose rates are used up; the refresh token comes from the vault.
    pub fn session(&self, region: Region, seller: &str, refresh_token: Secret) -> Session {
        let access = self.0.accesses.of(&refresh_token, self.now());
        let seller = seller.into();
        Session { partner: self.clone(), region, seller, refresh_token, access }
    }

    pub(crate) fn http(&self) -> &reqwest::Client {
        &self.0.http
    }

    /// Where Amazon is.
    pub fn endpoints(&self) -> &Endpoints {
        &self.0.endpoints
    }

    /// Who we are there.
    pub fn application(&self) -> &Application {
        &self.0.application
    }

    pub(crate) fn patience(&self) -> Patience {
        self.0.patience
    }

    pub(crate) fn buckets(&self) -> &Buckets {
        &self.0.buckets
    }

    pub(crate) fn now(&self) -> DateTime<Utc> {
        self.0.clock.now()
    }
}

impl fmt::Debug for SellingPartner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SellingPartner").field("endpoints", &self.0.endpoints).finish_non_exhaustive()
    }
}

/// One seller's connection in one region.
#[derive(Clone)]
pub struct Session {
    partner: SellingPartner,
    region: Region,
    seller: Arc<str>,
    refresh_token: Secret,
    access: Shared,
}

impl Session {
    /// The region.
    pub fn region(&self) -> Region {
        self.region
    }

    /// The seller.
    pub fn seller(&self) -> &str {
        &self.seller
    }

    /// A refresh token that Amazon gave in place of ours: it has to be kept instead. None, as good as always.
    pub async fn rotated_refresh_token(&self) -> Option<Secret> {
        match &*self.access.lock().await {
            Access::Token { rotated, .. } => rotated.clone(),
            Access::Unknown | Access::Revoked => None,
        }
    }

    pub(crate) fn partner(&self) -> &SellingPartner {
        &self.partner
    }

    pub(crate) fn access(&self) -> (&Shared, &Secret) {
        (&self.access, &self.refresh_token)
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session").field("region", &self.region).field("seller", &self.seller).finish_non_exhaustive()
    }
}
