//! A claim as it is stored. It changes in one way only: locked, by a step of [`crate::claiming::state`], told as an event, which is a
//! line of its history too.

use chrono::{DateTime, NaiveDate, Utc};
use serde_json::Value;
use service_kit::handler::Failure;
use service_kit::store::{Cause, Work};
use shared_events::money::{Currency, Money};
use shared_events::{ClaimId, ConnectionId, DetectionId, Message, Subject};
use sqlx::types::Json;
use uuid::Uuid;

use crate::claiming::checklist::Checklist;
use crate::claiming::decision::Match;
use crate::claiming::pace::Bounds;
use crate::claiming::state::{State, Step};
use crate::marketplace::Marketplace;

/// A claim; locked until the transaction ends, unless it was only looked at.
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "the columns are explained in the migration")]
pub struct Claim {
    pub id: Uuid,
    pub detection_id: Uuid,
    pub connection_id: Uuid,
    pub claim_type: String,
    pub marketplace: String,
    pub subject: Json<Value>,
    pub units: i64,
    pub amount_minor: i64,
    pub currency: String,
    pub arithmetic: String,
    pub policy_version: String,
    pub clock_start: NaiveDate,
    pub opens_at: Option<DateTime<Utc>>,
    pub closes_at: Option<DateTime<Utc>>,
    pub rows: Vec<String>,
    pub checklist: Json<Checklist>,
    pub asked: String,
    pub probability: Option<f64>,
    pub by_model: Option<bool>,
    pub model: Option<String>,
    pub document_id: Option<Uuid>,
    pub channel: String,
    pub automatic: bool,
    pub attempt: i32,
    pub appeals: i32,
    pub note: Option<String>,
    pub case_id: Option<String>,
    pub denial: Option<String>,
    pub dropped_by: Option<String>,
    pub approved_minor: Option<i64>,
    pub approved_at: Option<DateTime<Utc>>,
    pub submitted_at: Option<DateTime<Utc>>,
    pub packet_id: Option<Uuid>,
    pub state_name: String,
    pub version: i32,
}

/// A currency as it is stored.
///
/// # Panics
/// When the database holds another text: it was checked before it was stored.
pub fn currency(code: &str) -> Currency {
    Currency::try_new(code).expect("currencies are checked before they are stored")
}

/// Locks a claim.
///
/// # Errors
/// `claim_not_found`.
pub async fn lock(work: &mut Work, id: ClaimId) -> Result<Claim, Failure> {
    find(work, id).await?.ok_or_else(|| Failure::reject("claim_not_found", "there is no such claim"))
}

/// Locks a claim, if there is one.
///
/// # Errors
/// When the database is away.
pub async fn find(work: &mut Work, id: ClaimId) -> Result<Option<Claim>, sqlx::Error> {
    let tenant = work.tenant().clone();
    sqlx::query_as!(
        Claim,
        r#"SELECT id, detection_id, connection_id, claim_type, marketplace, subject AS "subject: Json<Value>", units, amount_minor, currency,
                  arithmetic, policy_version, clock_start, opens_at, closes_at, rows, checklist AS "checklist: Json<Checklist>", asked,
                  probability, by_model, model, document_id, channel, automatic, attempt, appeals, note, case_id, denial, dropped_by,
                  approved_minor, approved_at, submitted_at, packet_id, state::text AS "state_name!", version
           FROM claims WHERE tenant = $1 AND id = $2 FOR UPDATE"#,
        tenant.as_str(),
        id.0,
    )
    .fetch_optional(work.conn())
    .await
}

/// Reads a claim without locking it; whoever changes it is not waited for.
///
/// # Errors
/// When the database is away.
pub async fn look(work: &mut Work, id: ClaimId) -> Result<Option<Claim>, sqlx::Error> {
    let tenant = work.tenant().clone();
    sqlx::query_as!(
        Claim,
        r#"SELECT id, detection_id, connection_id, claim_type, marketplace, subject AS "subject: Json<Value>", units, amount_minor, currency,
                  arithmetic, policy_version, clock_start, opens_at, closes_at, rows, checklist AS "checklist: Json<Checklist>", asked,
                  probability, by_model, model, document_id, channel, automatic, attempt, appeals, note, case_id, denial, dropped_by,
                  approved_minor, approved_at, submitted_at, packet_id, state::text AS "state_name!", version
           FROM claims WHERE tenant = $1 AND id = $2"#,
        tenant.as_str(),
        id.0,
    )
    .fetch_optional(work.conn())
    .await
}

/// Locks the newest claim of a detection; the number says how many there were.
///
/// # Errors
/// When the database is away.
pub async fn of_detection(work: &mut Work, id: DetectionId) -> Result<(Option<Claim>, usize), sqlx::Error> {
    let tenant = work.tenant().clone();
    let ids = sqlx::query_scalar!(
        "SELECT id FROM claims WHERE tenant = $1 AND detection_id = $2 ORDER BY seq DESC LIMIT 1000",
        tenant.as_str(),
        id.0,
    )
    .fetch_all(work.conn())
    .await?;
    let newest = match ids.first() {
        Some(id) => find(work, ClaimId(*id)).await?,
        None => None,
    };
    Ok((newest, ids.len()))
}

impl Claim {
    /// Its id.
    pub fn claim_id(&self) -> ClaimId {
        ClaimId(self.id)
    }

    /// Of which detection.
    pub fn detection(&self) -> DetectionId {
        DetectionId(self.detection_id)
    }

    /// Whose.
    pub fn connection(&self) -> ConnectionId {
        ConnectionId(self.connection_id)
    }

    /// What is claimed.
    pub fn amount(&self) -> Money {
        Money::new(self.amount_minor, currency(&self.currency))
    }

    /// Where it stands.
    ///
    /// # Panics
    /// When the database knows a state that the rules do not.
    pub fn state(&self) -> State {
        State::from_name(&self.state_name).expect("the database knows the same states")
    }

    /// From when until when it may be sent.
    pub fn bounds(&self) -> Bounds {
        Bounds { opens_at: self.opens_at, closes_at: self.closes_at }
    }

    /// The marketplace; the American one where the name is not listed, which only matters for what a day is.
    pub fn place(&self) -> Marketplace {
        let named = Marketplace::of_country(&self.marketplace);
        named.or_else(|| Marketplace::of_country("US")).expect("the table has the United States")
    }

    /// The match of its documents.
    pub fn matched(&self) -> Option<Match> {
        Some(Match { by_model: self.by_model?, probability: self.probability? })
    }

    /// Who is asked about it.
    ///
    /// # Panics
    /// When the database holds another text: it was checked before it was stored.
    pub fn asked(&self) -> Subject {
        Subject::try_new(self.asked.clone()).expect("subjects are checked before they are stored")
    }

    /// Whether it is about a fee: there is one claim a charge, and one appeal.
    pub fn is_of_fee(&self) -> bool {
        self.claim_type.starts_with("fee_")
    }

    /// Takes a step; nothing is stored yet.
    ///
    /// # Errors
    /// `claim_state_conflict`.
    pub fn step(&mut self, step: Step) -> Result<(), Failure> {
        let from = self.state();
        let to = from.after(step).ok_or_else(|| {
            Failure::reject("claim_state_conflict", format!("the claim is {}", from.name().replace('_', " ")))
        })?;
        self.state_name = to.name().to_owned();
        Ok(())
    }

    /// Stores the claim as it is now and says what happened, as an event and as a line of its history.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn tell<M: Message>(&mut self, work: &mut Work, cause: &Cause, event: &M) -> Result<(), Failure> {
        let detail = serde_json::to_value(event).map_err(anyhow::Error::from)?;
        self.tell_with(work, cause, event, detail).await
    }

    /// As [`Claim::tell`], with another text for the history.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn tell_with<M: Message>(
        &mut self,
        work: &mut Work,
        cause: &Cause,
        event: &M,
        detail: Value,
    ) -> Result<(), Failure> {
        let kind = M::TYPE.trim_start_matches("claims.").trim_end_matches(".v1");
        self.save(work, kind, cause.actor.as_deref(), detail).await?;
        work.emit(cause, u64::from(self.version.unsigned_abs()), event);
        Ok(())
    }

    async fn save(
        &mut self,
        work: &mut Work,
        kind: &str,
        actor: Option<&str>,
        detail: Value,
    ) -> Result<(), sqlx::Error> {
        let (tenant, now) = (work.tenant().clone(), work.now());
        self.version += 1;
        sqlx::query!(
            "UPDATE claims SET units = $3, amount_minor = $4, arithmetic = $5, opens_at = $6, closes_at = $7, rows = $8, checklist = $9,
                 probability = $10, by_model = $11, model = $12, document_id = $13, channel = $14, automatic = $15, attempt = $16,
                 appeals = $17, note = $18, case_id = $19, denial = $20, dropped_by = $21, approved_minor = $22, approved_at = $23,
                 submitted_at = $24, packet_id = $25, state = $26::text::claim_state, changed_at = $27, version = $28
             WHERE tenant = $1 AND id = $2",
            tenant.as_str(),
            self.id,
            self.units,
            self.amount_minor,
            self.arithmetic,
            self.opens_at,
            self.closes_at,
            &self.rows,
            Json(&self.checklist.0) as _,
            self.probability,
            self.by_model,
            self.model,
            self.document_id,
            self.channel,
            self.automatic,
            self.attempt,
            self.appeals,
            self.note,
            self.case_id,
            self.denial,
            self.dropped_by,
            self.approved_minor,
            self.approved_at,
            self.submitted_at,
            self.packet_id,
            self.state_name,
            now,
            self.version,
        )
        .execute(work.conn())
        .await?;
        sqlx::query!(
            "INSERT INTO claim_events (tenant, claim_id, version, kind, state, actor, detail, at)
             VALUES ($1, $2, $3, $4, $5::text::claim_state, $6, $7, $8)",
            tenant.as_str(),
            self.id,
            self.version,
            kind,
            self.state_name,
            actor,
            detail,
            now,
        )
        .execute(work.conn())
        .await?;
        Ok(())
    }
}
