//! Which units of which rows a claim is about. The database lets each unit belong to one claim.

use service_kit::store::Work;

use crate::claim_row::Claim;
use crate::detection::InboundItem;
use crate::detection_row::RowView;

/// Most units of one row; a row with more is none that a claim can be about.
const MOST: i64 = 100_000;

/// Gives a claim the units that it is about, instead of those that it had; `false` when another claim has some of them.
///
/// # Errors
/// When the database is away.
pub async fn hold(work: &mut Work, claim: &Claim, rows: &[RowView]) -> Result<bool, sqlx::Error> {
    release(work, claim).await?;
    let tenant = work.tenant().clone();
    for row in rows.iter().filter(|row| row.units > 0) {
        let of = units_of(row).clamp(row.units, MOST);
        let held = sqlx::query!(
            "INSERT INTO claim_units (tenant, connection_id, row_key, nth, of_units, claim_id)
             SELECT $1, $2, $3, n, $5::int, $6 FROM generate_series(1, $5::int) AS n
             WHERE NOT EXISTS (SELECT FROM claim_units u WHERE u.tenant = $1 AND u.connection_id = $2 AND u.row_key = $3 AND u.nth = n)
             ORDER BY n LIMIT $4
             ON CONFLICT DO NOTHING",
            tenant.as_str(),
            claim.connection_id,
            row.key,
            row.units,
            i32::try_from(of).unwrap_or(i32::MAX),
            claim.id,
        )
        .execute(work.conn())
        .await?;
        if i64::try_from(held.rows_affected()).unwrap_or(i64::MAX) < row.units {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Gives the units of a claim back that was never sent.
///
/// # Errors
/// When the database is away.
pub async fn release(work: &mut Work, claim: &Claim) -> Result<(), sqlx::Error> {
    let tenant = work.tenant().clone();
    sqlx::query!("DELETE FROM claim_units WHERE tenant = $1 AND claim_id = $2", tenant.as_str(), claim.id)
        .execute(work.conn())
        .await?;
    Ok(())
}

/// How many units a row has. Rows about units say so; of any other, such as a charge, the claim is about all.
fn units_of(row: &RowView) -> i64 {
    let column = match row.report.as_str() {
        "ledger" | "return" | "replacement" => "quantity",
        "removal_shipment" => "shipped-quantity",
        "inbound" => return shipped(row),
        _ => return row.units,
    };
    let fields: Vec<&str> = row.raw.split('\t').collect();
    let quantity = row.columns.iter().position(|name| name == column).and_then(|at| fields.get(at));
    let quantity = quantity.and_then(|text| text.trim().parse::<i64>().ok());
    quantity.map_or(row.units, i64::abs)
}

/// Units of an article of a shipment to Amazon.
fn shipped(row: &RowView) -> i64 {
    serde_json::from_str::<InboundItem>(&row.raw).map_or(row.units, |item| item.shipped)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_about_units_say_how_many_they_are() {
        let row = |report: &str, raw: &str| RowView {
            key: "k".into(),
            units: 6,
            report: report.into(),
            columns: vec!["date".into(), "quantity".into()],
            raw: raw.into(),
        };
        assert_eq!(units_of(&row("ledger", "2026-01-01\t-16")), 16);
        assert_eq!(units_of(&row("sale", "2026-01-01\t-16")), 6);
        assert_eq!(units_of(&row("ledger", "2026-01-01")), 6);
        assert_eq!(units_of(&row("return", "2026-01-01\t8")), 8);
        let item = r#"{"shipment_id": "FBA1", "sku": "S", "fnsku": "X1", "shipped": 40, "received": 34, "closed": true,
                       "delivered_on": null, "partnered": false}"#;
        assert_eq!(units_of(&row("inbound", item)), 40);
        assert_eq!(units_of(&row("inbound", "{}")), 6);
    }
}
