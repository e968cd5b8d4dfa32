//! Units lost or damaged in fulfilment centres, and reimbursements for them that were taken back.

use std::collections::BTreeMap;

use chrono::{DateTime, Days, NaiveDate, Utc};
use shared_events::money::Currency;

use super::books::{Books, Rows};
use super::finding::{Basis, Finding, Status};
use super::lots::{Lot, Lots};
use super::report::Report;
use super::taken_back::{TakenBack, units_of};
use super::valuation::{self, Valued};
use crate::policy::ClaimType;
use crate::reasons::{LedgerReason, Movement, ReimbursementReason as Reason};
use crate::reports::{LedgerEvent, Reimbursement, RowKey};

/// Amazon looks for units no longer than this.
const RESEARCH_DAYS: u64 = 60;

pub(crate) fn evaluate(
    books: &Books,
    fnsku: &str,
    currency: Currency,
    rows: &Rows,
    now: DateTime<Utc>,
) -> Vec<Finding> {
    let mut reversals = Reversals::of(rows);
    let mut lost = lots(rows, Movement::Lost);
    let mut damaged = lots(rows, Movement::Damaged);
    let found = sum(rows, Movement::Found);
    let reconciled: i64 = lost.0.iter().map(|lot| lot.units - lot.left).sum();

    // A row may be older than what was found since: what Amazon has not written into it yet is taken off as well.
    lost.take_oldest(found - reconciled, "found again");
    // Units given instead of money stand in the ledger too (N); they count once.
    let given: i64 = rows.reimbursements.values().map(|(_, row)| row.inventory_units.max(0)).sum();
    let in_ledger = sum(rows, Movement::FoundOrGiven);
    let reconciled_with_given = (reconciled - found).clamp(0, in_ledger.min(given));
    let beyond = lost.take_oldest(in_ledger - given - (reconciled - found).max(0), "found or handed over (code N)");
    damaged.take_oldest(beyond, "found or handed over (code N)");

    let beyond_lost =
        net(&mut lost, rows, ClaimType::FcLost, &Reason::LostWarehouse, &reversals, reconciled_with_given);
    reversals.explain(beyond_lost);
    net(&mut damaged, rows, ClaimType::FcDamaged, &Reason::DamagedWarehouse, &reversals, 0);

    let researching = rows.stock.values().map(|(_, stock)| stock.researching).sum();
    lost.wait_newest(researching, now.date_naive() - Days::new(RESEARCH_DAYS));

    let mut findings = Vec::new();
    let sku = rows.ledger.values().map(|(_, row)| row.msku.clone()).next().unwrap_or_default();
    for (claim_type, lots) in [(ClaimType::FcLost, &lost), (ClaimType::FcDamaged, &damaged)] {
        for group in lots.by_clock() {
            let value = valuation::before_order(books, group[0].marketplace, fnsku, &sku, group[0].clock);
            findings.push(
                Report::of_lots(claim_type, &format!("fnsku {fnsku}"), &group, value)
                    .article(fnsku, &sku)
                    .finish(books, now),
            );
        }
    }
    findings.extend(reversals.findings(books, rows, now));
    findings.extend(disposed(books, rows, fnsku, currency, now));
    findings
}

fn movement(row: &LedgerEvent) -> Option<Movement> {
    match row.reason {
        Some(LedgerReason::Known(movement)) => Some(movement),
        _ => None,
    }
}

fn sum(rows: &Rows, wanted: Movement) -> i64 {
    rows.ledger.values().filter(|(_, row)| movement(row) == Some(wanted)).map(|(_, row)| row.quantity.max(0)).sum()
}

/// Rows of one movement; what Amazon has reconciled is off already.
fn lots(rows: &Rows, wanted: Movement) -> Lots {
    let fitting = rows.ledger.iter().filter(|(_, (_, row))| movement(row) == Some(wanted) && row.quantity < 0);
    let lots = fitting.map(|(key, (place, row))| {
        let what = if wanted == Movement::Lost { "misplaced" } else { "damaged" };
        let words = format!("{} {what} on {} at {} (reference {})", -row.quantity, row.day, row.center, row.reference);
        let mut lot = Lot::new(*key, *place, row.day, -row.quantity, words);
        let unreconciled = row.unreconciled.or_else(|| row.reconciled.map(|units| lot.units - units));
        lot.take(lot.units - unreconciled.unwrap_or(lot.units), "reconciled by Amazon");
        lot
    });
    Lots::new(lots.collect())
}

/// Takes off what was paid, and holds what our claims took; gives how many units that was beyond those that were missing.
fn net(
    lots: &mut Lots,
    rows: &Rows,
    claim_type: ClaimType,
    reason: &Reason,
    reversals: &Reversals<'_>,
    mut already: i64,
) -> i64 {
    let (mut by_case, mut beyond) = (BTreeMap::<&str, i64>::new(), 0);
    for (_, taken) in rows.taken.values().filter(|(_, taken)| taken.claim_type == claim_type) {
        let ours: i64 =
            taken.rows.iter().filter(|(key, _)| lots.0.iter().any(|lot| lot.key == *key)).map(|(_, units)| units).sum();
        let given_back = taken.case_id.as_deref().map_or(0, |case| reversals.matched_of_case(case));
        beyond += lots.hold(&taken.rows, ours - given_back, &format!("in our claim {}", taken.claim));
        if let Some(case) = taken.case_id.as_deref() {
            *by_case.entry(case).or_default() += ours - given_back;
        }
    }
    for (key, (_, paid)) in rows.reimbursements.iter().filter(|(_, (_, row))| row.reason == *reason) {
        let mut units = (paid.cash_units + paid.inventory_units).max(0) - reversals.matched_of(*key);
        let twice = already.clamp(0, paid.inventory_units.clamp(0, units));
        already -= twice;
        units -= twice;
        // What a case of ours brought, our claim holds already.
        if let Some(held) = paid.case_id.as_deref().and_then(|case| by_case.get_mut(case)) {
            let covered = units.clamp(0, *held);
            *held -= covered;
            units -= covered;
        }
        let how = if paid.cash_units > 0 { "reimbursed in money" } else { "reimbursed in units" };
        beyond += lots.take_oldest(units, &format!("{how} ({})", paid.reimbursement_id));
    }
    beyond
}

/// A reimbursement taken back.
struct Reversal<'a> {
    key: RowKey,
    row: &'a Reimbursement,
    /// Units of it that were found again since the payment.
    matched: i64,
    /// Units of it that had been found before, so that the payment was for more than was missing.
    paid_beyond: i64,
}

/// Reimbursements taken back, with what explains it.
struct Reversals<'a> {
    rows: Vec<Reversal<'a>>,
    /// Found units that explain none of them by their day.
    unused: i64,
    /// The reimbursement that each takes back.
    originals: BTreeMap<RowKey, RowKey>,
}

impl<'a> Reversals<'a> {
    fn of(rows: &'a Rows) -> Self {
        let original_of = |row: &Reimbursement| {
            let id = row.original_id.as_deref()?;
            rows.reimbursements.iter().find(|(_, (_, other))| other.reimbursement_id == id && !other.is_reversal())
        };
        let mut taken_back: Vec<_> = rows.reimbursements.iter().filter(|(_, (_, row))| row.is_reversal()).collect();
        taken_back.sort_by_key(|(key, (_, row))| (row.approved_at, **key));
        let mut founds: Vec<(NaiveDate, i64)> = rows
            .ledger
            .values()
            .filter(|(_, row)| movement(row) == Some(Movement::Found))
            .map(|(_, row)| (row.day, row.quantity.max(0)))
            .collect();
        founds.sort_unstable();
        let mut originals = BTreeMap::new();
        let mut result = Vec::new();
        for (key, (place, row)) in taken_back {
            let original = original_of(row);
            let since = original.map(|(_, (_, paid))| place.date_of(&paid.approved_at));
            let mut open = units_of(row);
            let units = open;
            // Each found unit explains one that was taken back, the first after the payment first.
            for (_, left) in founds.iter_mut().filter(|(day, _)| since.is_none_or(|since| *day >= since)) {
                let explained = open.min(*left);
                *left -= explained;
                open -= explained;
            }
            let matched = units - open;
            originals.extend(original.map(|(original, _)| (*key, *original)));
            result.push(Reversal { key: *key, row, matched, paid_beyond: 0 });
        }
        let unused = founds.iter().map(|(_, left)| left).sum();
        Self { rows: result, unused, originals }
    }

    /// Where more was found and paid than was missing, taking it back is right too, whichever came first.
    fn explain(&mut self, beyond: i64) {
        let mut beyond = beyond.min(self.unused);
        for taken_back in &mut self.rows {
            taken_back.paid_beyond = beyond.clamp(0, units_of(taken_back.row) - taken_back.matched);
            beyond -= taken_back.paid_beyond;
        }
    }

    /// Units of a reimbursement that were rightly taken back.
    fn matched_of(&self, paid: RowKey) -> i64 {
        self.rows.iter().filter(|row| self.originals.get(&row.key) == Some(&paid)).map(|row| row.matched).sum()
    }

    fn matched_of_case(&self, case: &str) -> i64 {
        self.rows.iter().filter(|it| it.row.case_id.as_deref() == Some(case)).map(|it| it.matched).sum()
    }

    fn findings(&self, books: &Books, rows: &Rows, now: DateTime<Utc>) -> Vec<Finding> {
        let findings = self.rows.iter().filter_map(|it| {
            let explained = vec![
                (it.matched, "found again since the reimbursement"),
                (it.paid_beyond, "found again before it, so that more was paid than was missing"),
            ];
            let original = self.originals.get(&it.key).copied();
            TakenBack { key: it.key, row: it.row, original, explained }.finding(books, rows, now)
        });
        findings.collect()
    }
}

/// Disposals that no removal order asked for. Never claimable by themselves: a person looks at them.
fn disposed(books: &Books, rows: &Rows, fnsku: &str, currency: Currency, now: DateTime<Utc>) -> Vec<Finding> {
    let fitting =
        rows.ledger.iter().filter(|(_, (_, row))| movement(row) == Some(Movement::Disposed) && row.quantity < 0);
    let lots = fitting.map(|(key, (place, row))| {
        Lot::new(
            *key,
            *place,
            row.day,
            -row.quantity,
            format!("{} disposed of on {} at {}", -row.quantity, row.day, row.center),
        )
    });
    let mut lots = Lots::new(lots.collect());
    let asked: i64 = rows.removals.values().map(|(_, order)| order.disposed).sum();
    lots.take_oldest(asked, "asked for by removal orders");
    let groups = lots.by_clock();
    let findings = groups.iter().map(|group| {
        let words = format!("not valued in {currency}: disposals are looked at first");
        let value = Valued { unit: None, basis: Basis::SourcingCost, words };
        let report = Report::of_lots(ClaimType::DisposedWithoutRequest, &format!("fnsku {fnsku}"), group, value);
        Finding { status: Status::Review, ..report.article(fnsku, "").finish(books, now) }
    });
    findings.collect()
}
