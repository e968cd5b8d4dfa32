//! The job that uses a consent: the code becomes a refresh token, which goes into the vault; then the seller's marketplaces are asked for
//! and the syncs begin. A code is good once: killed in between, the exchange is refused and a new consent is needed, which is said.

use chrono::TimeDelta;
use providers::amazon::{Error, Region};
use providers::google::Google;
use providers::stripe::Stripe;
use serde::Deserialize;
use service_kit::config::Secret;
use service_kit::handler::Failure;
use service_kit::jobs::{Job, RunsJob};
use service_kit::sealed::SealingKey;
use service_kit::store::Store;
use shared_events::ConnectionId;
use shared_events::claims::{AccountConnected, ConnectionKind};

use crate::amazon::Amazon;
use crate::connection_row::{self, Connection};
use crate::{collect_fees, connect_account, plan_sync, read_mailbox};

/// The kind of the job.
pub const USE_CONSENT: &str = "claims.use_consent";

/// Runs [`USE_CONSENT`].
pub struct UseConsent {
    /// Amazon, and the vault.
    pub amazon: Amazon,
    /// Opens what the BFF sealed.
    pub account_key: SealingKey,
    /// Who charges the fees; none: no payer can be connected.
    pub stripe: Option<Stripe>,
    /// Who opens mailboxes by consent; none: none can be connected so.
    pub google: Option<Google>,
}

/// What a consent brought.
struct Kept<'a> {
    secret: &'a Secret,
    /// The account, where only the exchange tells it.
    account: Option<&'a str>,
    marketplaces: Vec<String>,
}

#[derive(Deserialize)]
struct Payload {
    connection_id: ConnectionId,
    sealed_secret: String,
    nonce: String,
    redirect_uri: String,
    /// The mailbox that was asked for; empty: any.
    #[serde(default)]
    account: String,
}

impl RunsJob for UseConsent {
    const KIND: &'static str = USE_CONSENT;

    async fn run(&self, store: &Store, job: &Job) -> Result<(), Failure> {
        let payload: Payload = serde_json::from_value(job.payload.clone())
            .map_err(|error| Failure::reject("malformed", error.to_string()))?;
        let mut work = store.read(&job.tenant).await?;
        let Some(connection) = connection_row::read(&mut work, payload.connection_id).await? else { return Ok(()) };
        work.commit().await?;
        let purpose = connect_account::purpose(job.tenant.as_str(), &payload.nonce);
        let secret = self.account_key.open(&purpose, &payload.sealed_secret).map(Secret::new);
        let secret = secret.map_err(|error| Failure::reject("malformed", error.to_string()))?;
        match connection.kind() {
            ConnectionKind::Amazon => self.seller(store, job, (&payload, &connection), &secret).await,
            ConnectionKind::Stripe => self.payer(store, job, (&payload, &connection), secret.expose()).await,
            // A password is kept as it is; whoever reads the mailbox finds out whether it is right.
            ConnectionKind::Gmail => self.mailbox(store, job, (&payload, &connection), &secret).await,
            ConnectionKind::Imap => {
                self.keep(store, job, &connection, Kept { secret: &secret, account: None, marketplaces: Vec::new() })
                    .await
            }
        }
    }
}

impl UseConsent {
    async fn seller(
        &self,
        store: &Store,
        job: &Job,
        (payload, connection): (&Payload, &Connection),
        code: &Secret,
    ) -> Result<(), Failure> {
        let partner = match self.amazon.partner() {
            Ok(partner) => partner,
            Err(error) => return self.refused(store, job, connection, &error.to_string()).await,
        };
        let grant = match partner.exchange_code(code, &payload.redirect_uri).await {
            Ok(grant) => grant,
            // The code was not accepted, or may be used up: asking again with it cannot help.
            Err(error) => return self.refused(store, job, connection, &error.to_string()).await,
        };
        let region: Region = connection.region.parse().map_err(|error: &str| Failure::reject("malformed", error))?;
        let session = partner.session(region, &connection.account, grant.refresh_token.clone());
        let marketplaces = match session.get_marketplace_participations().await {
            Ok(all) => places(region, all),
            Err(Error::Revoked) => return self.refused(store, job, connection, "the consent was taken back").await,
            // The token is worth more than the list: without it, all marketplaces of the region that we know are asked.
            Err(error) => {
                tracing::warn!(%error, connection.id = %connection.id, "the seller's marketplaces cannot be listed");
                places(region, Vec::new())
            }
        };
        self.keep(store, job, connection, Kept { secret: &grant.refresh_token, account: None, marketplaces }).await
    }

    /// A payer saved a card at Stripe's page: what stays here are Stripe's names for both.
    async fn payer(
        &self,
        store: &Store,
        job: &Job,
        (payload, connection): (&Payload, &Connection),
        page: &str,
    ) -> Result<(), Failure> {
        let Some(stripe) = &self.stripe else {
            return self.refused(store, job, connection, "no key of Stripe is configured").await;
        };
        let page = match stripe.setup_page(page).await {
            Ok(page) => page,
            // Reading changes nothing: it can be read again.
            Err(error) if error.is_temporary() => return Err(anyhow::Error::from(error).into()),
            Err(error) => return self.refused(store, job, connection, &error.to_string()).await,
        };
        // The page of another consent is somebody else's card.
        if page.client_reference_id.as_deref() != Some(payload.nonce.as_str()) {
            return self.refused(store, job, connection, "the page is another consent's").await;
        }
        let (Some(customer), Some(card)) = (page.customer.as_deref(), page.payment_method()) else {
            return self.refused(store, job, connection, "no card was saved").await;
        };
        let secret = Secret::new(card);
        let kept = Kept { secret: &secret, account: Some(customer), marketplaces: Vec::new() };
        self.keep(store, job, connection, kept).await
    }

    /// The owner of a mailbox consented at Google's page. Which mailbox it is, only the exchange tells.
    async fn mailbox(
        &self,
        store: &Store,
        job: &Job,
        (payload, connection): (&Payload, &Connection),
        code: &Secret,
    ) -> Result<(), Failure> {
        let Some(google) = &self.google else {
            return self.refused(store, job, connection, "no application with Google is configured").await;
        };
        let grant = match google.exchange_code(code, &payload.redirect_uri).await {
            Ok(grant) => grant,
            // The code was not accepted, or may be used up: asking again with it cannot help.
            Err(error) => return self.refused(store, job, connection, &error.to_string()).await,
        };
        let is_other = !payload.account.is_empty() && !payload.account.eq_ignore_ascii_case(&grant.address);
        if is_other {
            return self.refused(store, job, connection, "the consent is for another mailbox than was asked for").await;
        }
        let kept = Kept { secret: &grant.refresh_token, account: Some(&grant.address), marketplaces: Vec::new() };
        self.keep(store, job, connection, kept).await
    }

    async fn keep(
        &self,
        store: &Store,
        job: &Job,
        connection: &Connection,
        Kept { secret, account, marketplaces }: Kept<'_>,
    ) -> Result<(), Failure> {
        let (tenant, id) = (job.tenant.as_str(), ConnectionId(connection.id));
        let sealed = self.amazon.vault().seal(tenant, connection.id, secret).map_err(anyhow::Error::from)?;
        let mut work = store.read(&job.tenant).await?;
        let now = work.now();
        // Whoever wraps keys anew has to know whose there are.
        sqlx::query!("INSERT INTO known_tenants (tenant) VALUES ($1) ON CONFLICT DO NOTHING", tenant)
            .execute(work.conn())
            .await?;
        let version = sqlx::query_scalar!(
            "UPDATE connections SET state = 'connected', secret = $3, marketplaces = $4, account = coalesce($6, account), problem = NULL,
                 changed_at = $5, version = version + 1
             WHERE tenant = $1 AND id = $2 RETURNING version",
            tenant,
            connection.id,
            serde_json::to_value(&sealed).map_err(anyhow::Error::from)?,
            &marketplaces,
            now,
            account,
        )
        .fetch_one(work.conn())
        .await?;
        let told = AccountConnected {
            connection_id: id,
            kind: connection.kind(),
            region: connection.region.clone(),
            marketplaces,
        };
        work.emit(&job.cause, u64::from(version.unsigned_abs()), &told);
        if connection.kind() == ConnectionKind::Amazon
            && let Some(fresh) = connection_row::read(&mut work, id).await?
        {
            plan_sync::schedule(&mut work, &job.cause, &fresh).await?;
        }
        if matches!(connection.kind(), ConnectionKind::Imap | ConnectionKind::Gmail) {
            // Another mailbox in the place of the one before is read from its beginning.
            if account.is_some_and(|account| account != connection.account) {
                read_mailbox::begin_again(&mut work, id).await?;
            }
            read_mailbox::enqueue(&mut work, &job.cause, id, TimeDelta::zero()).await?;
        }
        if connection.kind() == ConnectionKind::Stripe {
            collect_fees::enqueue(&mut work, &job.cause).await?;
        }
        job.finish(&mut work).await?;
        Ok(work.commit().await?)
    }

    /// The consent brought nothing. A connection that works goes on working.
    async fn refused(&self, store: &Store, job: &Job, connection: &Connection, problem: &str) -> Result<(), Failure> {
        let mut work = store.read(&job.tenant).await?;
        if connection.state != "connected" {
            let id = ConnectionId(connection.id);
            connection_row::token_failed(&mut work, &job.cause, id, connection.kind(), problem).await?;
        }
        job.finish(&mut work).await?;
        Ok(work.commit().await?)
    }
}

/// Country codes of the marketplaces that the seller takes part in and that we know.
fn places(region: Region, all: Vec<providers::amazon::MarketplaceParticipation>) -> Vec<String> {
    let here = |code: &str| {
        crate::marketplace::Marketplace::of_country(code).filter(|place| place.place().region == region.name())
    };
    let known: Vec<String> = all
        .iter()
        .filter(|entry| entry.participation.is_participating)
        .filter_map(|entry| here(&entry.marketplace.country_code))
        .map(|place| place.code().to_owned())
        .collect();
    if known.is_empty() {
        let default = match region {
            Region::Na => "US",
            Region::Eu => "DE",
            Region::Fe => "JP",
        };
        return vec![default.to_owned()];
    }
    known
}
