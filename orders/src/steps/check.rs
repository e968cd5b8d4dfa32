//! Is the order possible, how suspicious is it, and has everybody allowed it who has to?

use service_kit::handler::Failure;
use service_kit::store::{Cause, Work};
use sqlx::types::Json;

use crate::advance::Ending;
use crate::config::Parts;
use crate::domain::approval::{self, Kind};
use crate::domain::fraud::{Band, Difference, Factor, Facts, SEEN_AT_MOST, assess};
use crate::domain::process::HoldReason;
use crate::order_row::Order;
use crate::private::Private;
use crate::tasks::{self, Verdict};

/// Compares the order with itself and looks at the address.
pub async fn validate(parts: &Parts, work: &mut Work, order: &Order) -> Result<Ending, Failure> {
    let tenant = work.tenant().clone();
    let sums = sqlx::query!(
        r#"SELECT count(*) AS "lines!", COALESCE(sum(net_minor), 0)::bigint AS "net!" FROM order_lines WHERE tenant = $1 AND order_id = $2"#,
        tenant.as_str(),
        order.id.0,
    )
    .fetch_one(work.conn())
    .await?;
    if sums.lines == 0 || sums.net != order.subtotal_minor {
        return Ok(Ending::failed("the order's lines do not add up to its total"));
    }
    let private = Private::open(&parts.config.key, &tenant, order.id, &order.private_sealed);
    let Ok(private) = private else {
        return Ok(Ending::failed("the order's private details cannot be opened"));
    };
    match private.shipping {
        Some(address) if address.is_complete() => Ok(Ending::done("complete, and it adds up")),
        _ => Ok(Ending::held(HoldReason::Address, "street, city and country of the shipping address are needed")),
    }
}

/// Scores the order and keeps why.
pub async fn score(parts: &Parts, work: &mut Work, order: &mut Order) -> Result<Ending, Failure> {
    if !parts.config.scores_fraud {
        return Ok(Ending::done("orders are not scored here"));
    }
    let facts = facts(work, order).await?;
    let assessment = assess(&facts, parts.config.thresholds);
    let tenant = work.tenant().clone();
    order.fraud_band = Some(assessment.band.name().to_owned());
    sqlx::query!(
        "UPDATE orders SET fraud_score = $3, fraud_band = $4, fraud_factors = $5 WHERE tenant = $1 AND id = $2",
        tenant.as_str(),
        order.id.0,
        i16::try_from(assessment.score).unwrap_or(i16::MAX),
        assessment.band.name(),
        Json(&assessment.factors) as Json<&Vec<Factor>>,
    )
    .execute(work.conn())
    .await?;
    Ok(Ending::done(format!("score {} of 100: {}", assessment.score, assessment.band.name())))
}

/// What is known of the order and of those before it, newest first and no more of them than matter.
async fn facts(work: &mut Work, order: &Order) -> Result<Facts, sqlx::Error> {
    let tenant = work.tenant().clone();
    let row = sqlx::query!(
        r#"SELECT t.addresses, t.disposable_mail,
             (SELECT count(DISTINCT c.order_id) FROM
                (SELECT c.order_id, c.placed_at FROM order_cards c
                 WHERE c.tenant = $1 AND c.seq < t.seq
                   AND c.mark = ANY(ARRAY(SELECT m.mark FROM order_cards m WHERE m.tenant = $1 AND m.order_id = $2))
                 ORDER BY c.seq DESC LIMIT $3) AS c WHERE c.placed_at > t.placed_at - interval '1 hour') AS "card!",
             (SELECT count(*) FROM
                (SELECT 1 FROM orders o WHERE o.tenant = $1 AND o.device_mark = t.device_mark AND o.placed_at > t.placed_at - interval '1 hour'
                   AND o.seq < t.seq LIMIT $3) AS o) AS "device!",
             (SELECT count(*) FROM
                (SELECT 1 FROM orders o WHERE o.tenant = $1 AND o.address_mark = t.address_mark AND o.placed_at > t.placed_at - interval '1 day'
                   AND o.seq < t.seq AND o.customer_id <> t.customer_id LIMIT $3) AS o) AS "address!",
             history.orders AS "earlier!", history.minor AS "earlier_minor!",
             (SELECT count(*) FROM
                (SELECT 1 FROM payments p JOIN orders o ON o.tenant = p.tenant AND o.id = p.order_id
                 WHERE p.tenant = $1 AND o.customer_id = t.customer_id AND p.disputed_at IS NOT NULL LIMIT $3) AS p) AS "chargebacks!"
           FROM orders t, LATERAL
             (SELECT count(*) AS orders, COALESCE(sum(o.captured_minor), 0)::bigint AS minor FROM
                (SELECT o.captured_minor FROM orders o WHERE o.tenant = $1 AND o.customer_id = t.customer_id AND o.currency = t.currency
                   AND o.captured_minor > 0 AND o.seq < t.seq ORDER BY o.seq DESC LIMIT $3) AS o) AS history
           WHERE t.tenant = $1 AND t.id = $2"#,
        tenant.as_str(),
        order.id.0,
        SEEN_AT_MOST,
    )
    .fetch_one(work.conn())
    .await?;
    Ok(Facts {
        same_card_hour: row.card,
        same_address_day: row.address,
        same_device_hour: row.device,
        addresses: match row.addresses.as_str() {
            "country" => Difference::Country,
            "postcode" => Difference::Postcode,
            _ => Difference::None,
        },
        amount_minor: order.grand_minor,
        earlier_minor: row.earlier_minor,
        earlier_orders: row.earlier,
        disposable_mail: row.disposable_mail,
        chargebacks: row.chargebacks,
    })
}

/// Opens what has to be decided; goes on when all of it was allowed.
pub async fn approve(parts: &Parts, work: &mut Work, cause: &Cause, order: &Order) -> Result<Ending, Failure> {
    let band = match order.fraud_band.as_deref() {
        Some("hold") => Band::Hold,
        Some("review") => Band::Review,
        _ => Band::Pass,
    };
    let high_value = approval::high_value(parts.config.high_value_minor, order.currency);
    let needed = approval::needed(order.grand_minor, high_value, band);
    for kind in &needed {
        let summary = match kind {
            Kind::FraudReview => "the order is suspicious; its page shows the factors".to_owned(),
            _ => format!("an order of {}", order.total()),
        };
        tasks::open(work, cause, order, *kind, "", &summary).await?;
    }
    match tasks::verdict(work, order.id).await? {
        Verdict::Refused => Ok(Ending::failed("a person refused it")),
        Verdict::Open => {
            let reason = if needed.contains(&Kind::FraudReview) { HoldReason::Fraud } else { HoldReason::Value };
            Ok(Ending::held(reason, "another person has to allow it"))
        }
        Verdict::Clear if needed.is_empty() => Ok(Ending::done("nobody has to allow it")),
        Verdict::Clear => Ok(Ending::done("allowed")),
    }
}
