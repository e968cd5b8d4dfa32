//! What goes wrong with claims reaches somebody, once.

use shared_events::claims::{
    AccountTokenFailed, ClaimAnswered, ConnectionKind, DetectionExpiring, FeeDeclined, PayoutOverdue, ReplyKind,
    ReportEmptied,
};
use shared_events::{ClaimId, ConnectionId, DetectionId, FeeMoveId, SyncRunId};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use uuid::Uuid;

use crate::bed::Bed;
use crate::once::usd;

#[sqlx::test(migrator = "migrations::NOTIFY")]
async fn each_alarm_of_claims_notifies_the_staff_once(pool: PgPoolOptions, options: PgConnectOptions) {
    let bed = Bed::new(pool, options).await;
    let (react, now) = (bed.react(), bed.slice.store.now());
    let (claim_id, connection_id) = (ClaimId(Uuid::now_v7()), ConnectionId(Uuid::now_v7()));
    let answered = |kind: ReplyKind, category: Option<&str>| ClaimAnswered {
        claim_id,
        kind,
        category: category.map(str::to_owned),
        amount: None,
        next: "read".into(),
    };
    bed.tell_at(&react, answered(ReplyKind::Acknowledged, None), 3).await.unwrap();
    assert_eq!(bed.count("notifications").await, 0, "nothing is to be done about it");
    bed.tell_at(&react, answered(ReplyKind::InfoRequested, Some("missing_document")), 4).await.unwrap();
    bed.tell_at(&react, answered(ReplyKind::Denied, Some("out_of_window")), 5).await.unwrap();
    bed.tell_at(&react, PayoutOverdue { claim_id, approved_at: now }, 6).await.unwrap();
    let problem = "invalid_grant".to_owned();
    bed.tell(&react, AccountTokenFailed { connection_id, kind: ConnectionKind::Amazon, problem }).await.unwrap();
    let (run_id, report, marketplace) = (SyncRunId(Uuid::now_v7()), "ledger".to_owned(), "US".to_owned());
    bed.tell(&react, ReportEmptied { run_id, connection_id, report, marketplace }).await.unwrap();
    let expiring =
        DetectionExpiring { detection_id: DetectionId(Uuid::now_v7()), connection_id, days: 3, closes_at: now };
    bed.tell(&react, expiring).await.unwrap();
    assert_eq!(bed.count("notifications").await, 6);
    // A charge of the fees of two claims is declined once.
    let move_id = FeeMoveId(Uuid::now_v7());
    for claim in [claim_id, ClaimId(Uuid::now_v7())] {
        let reason = "card_declined".to_owned();
        let declined = FeeDeclined { move_id, claim_id: claim, amount: usd(2_376), reason, retry_at: Some(now) };
        bed.tell(&react, declined).await.unwrap();
    }
    assert_eq!((bed.count("notifications").await, bed.said("notification_created").await), (7, 7));
}
