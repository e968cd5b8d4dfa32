//! Answers of the marketplace by mail: to which claim, what they say, and where the next one goes.

use service_kit::handler::Failure;
use service_kit::sealed::SealingKey;
use service_kit::store::{Cause, Work};
use shared_events::ClaimId;
use shared_events::claims::{ClaimMessageReceived, ReplyKind};
use uuid::Uuid;

use crate::claim_row::{self, Claim};
use crate::claiming::reply::{fresh, is_marketplace, numbers, understand};
use crate::claiming::state::{State, Step};
use crate::mail_read::Read;
use crate::mailboxes::Mailbox;
use crate::queue_claim::key_of;
use crate::{record_reply, sending_ends};

/// Signs of an answer that stand in the claim's history.
const MOST_WORDS: usize = 4_000;
/// Names of mails that a thread keeps.
const MOST_NAMES: usize = 20;

/// What the address of a thread is sealed for.
pub fn purpose(tenant: &str, claim: Uuid) -> String {
    format!("mail thread/{tenant}/{claim}")
}

/// Our sendings that a mail answers: the part before the `@` of our mails' names is the sending's key.
fn answered(read: &Read) -> Vec<Uuid> {
    let key = |name: &String| Uuid::try_parse(name.split_once('@')?.0).ok();
    read.references.iter().filter_map(key).collect()
}

/// The claim that a mail is about: by the mail that it answers, or by the number of a case in its subject, or else in its text. A mail
/// that could be about several is about none.
///
/// # Errors
/// When the database is away.
pub async fn claim_of(work: &mut Work, read: &Read) -> Result<Option<Uuid>, sqlx::Error> {
    let tenant = work.tenant().clone();
    let keys = answered(read);
    let mut found = sqlx::query_scalar!(
        "SELECT DISTINCT claim_id FROM claim_submissions WHERE tenant = $1 AND id = ANY($2) LIMIT 2",
        tenant.as_str(),
        &keys,
    )
    .fetch_all(work.conn())
    .await?;
    for text in [&read.subject, &read.text] {
        if !found.is_empty() {
            break;
        }
        found = sqlx::query_scalar!(
            "SELECT id FROM claims WHERE tenant = $1 AND case_id = ANY($2) LIMIT 2",
            tenant.as_str(),
            &numbers(text),
        )
        .fetch_all(work.conn())
        .await?;
    }
    Ok(if found.len() == 1 { found.pop() } else { None })
}

const fn step_of(kind: ReplyKind) -> Step {
    match kind {
        ReplyKind::Acknowledged => Step::Acknowledge,
        ReplyKind::InfoRequested => Step::AskMore,
        ReplyKind::UnderReview => Step::Review,
        ReplyKind::Approved => Step::Grant,
        ReplyKind::PartiallyApproved => Step::GrantPart,
        ReplyKind::Denied => Step::Deny,
    }
}

/// Takes an answer in.
///
/// # Errors
/// When the database is away.
pub async fn take(
    work: &mut Work,
    cause: &Cause,
    (mailbox, key): (&Mailbox, &SealingKey),
    claim: Uuid,
    read: &Read,
) -> Result<(), Failure> {
    let mut claim = claim_row::lock(work, ClaimId(claim)).await?;
    // Whoever answers has it: nobody saw its sending end.
    let ours = key_of(claim.id, claim.attempt);
    if read.believed && claim.state() == State::SubmitUnknown && answered(read).contains(&ours) {
        it_arrived(work, cause, &mut claim, ours).await?;
    }
    remember(work, (mailbox, key), &claim, read).await?;
    let words: String = fresh(&read.text).chars().take(MOST_WORDS).collect();
    let seems = understand(&read.text);
    // Whoever can write to the mailbox could grant or refuse a claim: what nobody vouches for is left to a person.
    let counts = |kind: &ReplyKind| read.believed && claim.state().after(step_of(*kind)).is_some();
    match seems.filter(counts) {
        Some(kind) => record_reply::answered(work, cause, &mut claim, kind, &words, None).await,
        None => {
            let told = ClaimMessageReceived { claim_id: claim.claim_id(), seems, asked: claim.asked() };
            let mut detail = serde_json::to_value(&told).map_err(anyhow::Error::from)?;
            detail["text"] = words.into();
            claim.tell_with(work, cause, &told, detail).await
        }
    }
}

async fn it_arrived(work: &mut Work, cause: &Cause, claim: &mut Claim, sending: Uuid) -> Result<(), Failure> {
    let Some(case) = claim.case_id.clone() else { return Ok(()) };
    let (tenant, now) = (work.tenant().clone(), work.now());
    let is_appeal = sqlx::query_scalar!(
        "UPDATE claim_submissions SET state = 'accepted', case_id = $3, ended_at = $4 WHERE tenant = $1 AND id = $2 RETURNING is_appeal",
        tenant.as_str(),
        sending,
        case,
        now,
    )
    .fetch_one(work.conn())
    .await?;
    sending_ends::arrived(work, cause, claim, &case, is_appeal).await
}

/// Notes where the next mail of this case goes, and which mails it belongs to.
async fn remember(
    work: &mut Work,
    (mailbox, key): (&Mailbox, &SealingKey),
    claim: &Claim,
    read: &Read,
) -> Result<(), Failure> {
    let (tenant, now) = (work.tenant().clone(), work.now());
    // Answers hold what a seller knows of its trade: they go to the marketplace and to nobody else.
    let reply_to = if is_marketplace(&read.reply_to) { &read.reply_to } else { &read.from };
    let reply_to = key.seal(&purpose(tenant.as_str(), claim.id), reply_to).map_err(anyhow::Error::from)?;
    let mut names: Vec<String> = read.references.iter().chain(&read.message_id).cloned().collect();
    names.dedup();
    names.drain(..names.len().saturating_sub(MOST_NAMES));
    let subject: String = read.subject.chars().filter(|sign| !sign.is_control()).take(200).collect();
    sqlx::query!(
        "INSERT INTO mail_threads (tenant, claim_id, connection_id, reply_to, subject, message_ids, changed_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7)
         ON CONFLICT (tenant, claim_id) DO UPDATE SET connection_id = excluded.connection_id, reply_to = excluded.reply_to,
             subject = excluded.subject, message_ids = excluded.message_ids, changed_at = excluded.changed_at",
        tenant.as_str(),
        claim.id,
        mailbox.connection,
        reply_to,
        subject,
        &names,
        now,
    )
    .execute(work.conn())
    .await?;
    Ok(())
}
