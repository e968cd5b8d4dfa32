//! Takes one mail in: files of suppliers go to evidence, answers of the marketplace to the claim that they are about.

use providers::files::{Files, Refused};
use providers::objects::ObjectKey;
use service_kit::handler::Failure;
use service_kit::jobs::Job;
use service_kit::sealed::{SealingKey, sha256};
use service_kit::store::{Cause, Store, Work};
use shared_events::claims::DocumentReceived;
use shared_events::evidence::StoredFile;
use shared_events::{ConnectionId, EvidenceId, Subject, TenantId, ids};

use crate::claiming::reply::{is_forged, is_marketplace, is_vouched_for};
use crate::mail_answers;
use crate::mail_read::{self, Read};
use crate::mailboxes::Mailbox;

/// What a file of a supplier is taken for: evidence finds out what it is.
const INVOICE: &str = "supplier_invoice";

/// A mail that was looked at.
pub struct Taken {
    uid: u32,
    digest: String,
    what: What,
}

enum What {
    Documents(Vec<StoredFile>),
    Answer(Box<Read>),
    Nothing(&'static str),
}

impl Taken {
    /// A mail that is too large to be looked at.
    pub fn of_size(uid: u32) -> Self {
        Self { uid, digest: format!("uid {uid}"), what: What::Nothing("too_large") }
    }
}

/// Looks at a mail; its files are in the store afterwards. `trusting`: its server need not vouch for who wrote it.
///
/// # Errors
/// When the store is away.
pub async fn look_at(
    files: &Files,
    tenant: &TenantId,
    (uid, bytes): (u32, &[u8]),
    trusting: bool,
) -> Result<Taken, Failure> {
    let digest = sha256(bytes);
    let what = match mail_read::read(bytes) {
        None => What::Nothing("unreadable"),
        Some(read) if is_marketplace(&read.from) && is_forged(&read.origin) => What::Nothing("suspicious"),
        Some(mut read) if is_marketplace(&read.from) => {
            read.believed = trusting || is_vouched_for(&read.origin);
            What::Answer(Box::new(read))
        }
        Some(read) => {
            let mut stored = Vec::new();
            for file in read.files {
                let mut intake = files.intake(tenant);
                let finished = match intake.push(&file).await {
                    // Names that people give to files may name people.
                    Ok(()) => intake.finish(None).await,
                    Err(refused) => Err(refused),
                };
                match finished {
                    Ok(file) => stored.push(file),
                    Err(refused @ (Refused::Store(_) | Refused::Vault(_))) => {
                        discard(files, &stored).await;
                        return Err(anyhow::Error::from(refused).into());
                    }
                    Err(refused) => tracing::info!(reason = refused.code(), "a file of a mail is not taken"),
                }
            }
            if stored.is_empty() { What::Nothing("of_nobody") } else { What::Documents(stored) }
        }
    };
    Ok(Taken { uid, digest, what })
}

/// Writes down what came of a mail, once, and how far the mailbox is read.
///
/// # Errors
/// When the database is away.
pub async fn keep(
    store: &Store,
    job: &Job,
    (mailbox, validity): (&Mailbox, u32),
    key: &SealingKey,
    taken: Taken,
    files: &Files,
) -> Result<(), Failure> {
    let mut work = store.read(&job.tenant).await?;
    let (now, id) = (work.now(), mailbox.connection);
    let (outcome, documents, claim) = match &taken.what {
        What::Nothing(outcome) => (*outcome, 0, None),
        What::Documents(files) => ("documents", i32::try_from(files.len()).unwrap_or(i32::MAX), None),
        What::Answer(read) => match mail_answers::claim_of(&mut work, read).await? {
            Some(claim) => ("answer", 0, Some(claim)),
            None => ("of_nobody", 0, None),
        },
    };
    // Numbers of too large mails are no digests: they count for one validity.
    let digest = if outcome == "too_large" { format!("{validity} {}", taken.digest) } else { taken.digest };
    let inserted = sqlx::query!(
        "INSERT INTO mails (tenant, connection_id, digest, outcome, claim_id, documents, read_at) VALUES ($1, $2, $3, $4, $5, $6, $7)
         ON CONFLICT DO NOTHING",
        job.tenant.as_str(),
        id,
        digest,
        outcome,
        claim,
        documents,
        now,
    )
    .execute(work.conn())
    .await?;
    let is_new = inserted.rows_affected() == 1;
    if is_new {
        metrics::counter!("claims_mails_total", "outcome" => outcome).increment(1);
        match (&taken.what, claim) {
            (What::Documents(files), _) => tell(&mut work, &job.cause, mailbox, &digest, files),
            (What::Answer(read), Some(claim)) => {
                mail_answers::take(&mut work, &job.cause, (mailbox, key), claim, read).await?;
            }
            _ => {}
        }
    }
    sqlx::query!(
        "UPDATE mailboxes SET last_uid = $3, read_at = $4 WHERE tenant = $1 AND connection_id = $2 AND last_uid < $3",
        job.tenant.as_str(),
        id,
        i64::from(taken.uid),
        now,
    )
    .execute(work.conn())
    .await?;
    work.commit().await?;
    if let (false, What::Documents(stored)) = (is_new, &taken.what) {
        discard(files, stored).await;
    }
    Ok(())
}

fn tell(work: &mut Work, cause: &Cause, mailbox: &Mailbox, digest: &str, files: &[StoredFile]) {
    let tenant = work.tenant().to_string();
    // The name of whoever connected the mailbox was checked when it came in.
    let Ok(received_for) = Subject::try_new(mailbox.connected_by.clone()) else { return };
    for (file, version) in files.iter().zip(1_u64..) {
        let name = ["mail", &tenant, &mailbox.connection.to_string(), digest, &version.to_string()];
        let received = DocumentReceived {
            evidence_id: EvidenceId(ids::derive(&name)),
            connection_id: ConnectionId(mailbox.connection),
            file: file.clone(),
            evidence_type: INVOICE.to_owned(),
            received_for: received_for.clone(),
        };
        work.emit(cause, version, &received);
    }
}

/// Takes files out of the store again. When that fails the sweep does it an hour later.
async fn discard(files: &Files, stored: &[StoredFile]) {
    for file in stored {
        let deleted = match ObjectKey::try_new(&file.object) {
            Ok(key) => files.objects.delete(&key).await,
            Err(error) => Err(error),
        };
        if let Err(error) = deleted {
            tracing::warn!(%error, object = file.object, "an object that nobody needs is left to the sweep");
        }
    }
}
