//! Texts: the tenant's own before the built-in one, language by language, and never with a blank that nothing fills.

use notify::put_template::Put;
use shared_events::notify::{Channel, PutTemplate};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};

use crate::bed::{Bed, who};

fn text(template: &str, language: &str, subject: &str) -> PutTemplate {
    PutTemplate {
        template: template.into(),
        language: language.into(),
        subject: subject.into(),
        text: "text".into(),
        short: "short".into(),
        why: None,
        by: who("boss"),
    }
}

async fn last(bed: &Bed) -> (String, String, i32) {
    let mut work = bed.slice.work().await;
    sqlx::query_as("SELECT language, subject, text_version FROM notifications ORDER BY seq DESC LIMIT 1")
        .fetch_one(work.conn())
        .await
        .unwrap()
}

#[sqlx::test(migrator = "migrations::NOTIFY")]
async fn a_tenants_own_text_goes_before_the_built_in_one_of_its_language(
    pool: PgPoolOptions,
    options: PgConnectOptions,
) {
    let bed = Bed::new(pool, options).await;
    bed.contact("ann", &[(Channel::Email, "ann@example.com")], Some("de-CH")).await;
    let first = bed.tell(&Put, text("message", "de", "Neu: {{subject}}")).await.unwrap();
    let second = bed.tell(&Put, text("message", "de", "Neuer: {{subject}}")).await.unwrap();
    assert_eq!((&first["version"], &second["version"]), (&1.into(), &2.into()));
    bed.send(bed.wanted("ann", "k1", &[])).await.unwrap();
    assert_eq!(last(&bed).await, ("de".into(), "Neuer: We moved".into(), 2));
    // Nobody else's words change, and another language keeps the built-in text.
    let mut french = bed.wanted("bob", "k2", &[]);
    french.language = Some("fr".into());
    bed.send(french).await.unwrap();
    assert_eq!(last(&bed).await, ("en".into(), "We moved".into(), 0));
    let other = Bed { slice: bed.slice.of_tenant("other"), config: bed.config.clone() };
    let mut german = other.wanted("ann", "k1", &[]);
    german.language = Some("de".into());
    other.send(german).await.unwrap();
    let mut work = other.slice.work().await;
    let subject: String = sqlx::query_scalar("SELECT subject FROM notifications").fetch_one(work.conn()).await.unwrap();
    assert_eq!(subject, "We moved");
}

#[sqlx::test(migrator = "migrations::NOTIFY")]
async fn what_does_not_fit_is_refused_by_name(pool: PgPoolOptions, options: PgConnectOptions) {
    let bed = Bed::new(pool, options).await;
    let refusals = [
        (text("order_placed", "de", "{{card_number}}"), "bad_template"),
        (text("order_placed", "de", "{{order"), "bad_template"),
        (text("order_placed", "de", "two\nlines"), "bad_template"),
        (text("order_placed", "german", "x"), "bad_language"),
        (text("Order Placed", "de", "x"), "bad_name"),
    ];
    for (put, code) in refusals {
        assert_eq!(bed.tell(&Put, put.clone()).await.unwrap_err().code, code, "{put:?}");
    }
    let mut lacking = bed.wanted("ann", "k1", &[]);
    lacking.variables.remove("text");
    assert_eq!(bed.send(lacking).await.unwrap_err().code, "variable_missing");
    let mut unknown = bed.wanted("ann", "k1", &[]);
    unknown.template = "nonsense".into();
    assert_eq!(bed.send(unknown).await.unwrap_err().code, "template_not_found");
    assert_eq!(bed.count("notifications").await, 0);
    // A template of the tenant's own is there from its first text on.
    bed.tell(&Put, text("season", "fr", "Bientôt")).await.unwrap();
    let mut own = bed.wanted("ann", "k2", &[]);
    own.template = "season".into();
    bed.send(own).await.unwrap();
    assert_eq!(last(&bed).await, ("fr".into(), "Bientôt".into(), 1));
}
