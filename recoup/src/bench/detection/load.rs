//! Reads a world's reports into books, as a sync would.

use anyhow::Context;
use claims::detection::{Books, Delivery, Fact, InboundItem, Parcel, SettlementReader, SourcingCost};
use claims::marketplace::Marketplace;
use claims::policy::Policy;
use claims::reasons::{LedgerReason, ReimbursementReason};
use claims::reports::{
    Charset, CustomerReturn, FeePreview, LedgerEvent, LongTermStorage, Options, Reader, Reimbursement, RemovalOrder,
    RemovalShipment, Replacement, Report, RowKey, Sale, SettlementLine, Stock, Storage,
};
use sandbox::world::{File, World};
use shared_events::money::{Currency, Money};

/// Books, and what became of the rows.
pub(super) struct Loaded {
    pub(super) books: Books,
    pub(super) rows: u64,
    pub(super) quarantined: u64,
    pub(super) bad_rows: u64,
}

/// Reads everything.
///
/// # Errors
/// When a file lacks columns, or names something unknown.
pub(super) fn load(world: &World) -> anyhow::Result<Loaded> {
    let mut loaded = Loaded { books: Books::new(Policy::embedded()), rows: 0, quarantined: 0, bad_rows: 0 };
    for file in &world.files {
        loaded.file(file).with_context(|| file.report)?;
    }
    for (at, cost) in world.costs.iter().enumerate() {
        let unit = Money::new(cost.minor, Currency::try_new(cost.currency)?);
        let (fnsku, valid_from) = (cost.fnsku.clone(), cost.since);
        let fact = Fact::Cost(SourcingCost { fnsku, unit, valid_from, source: "invoice".to_owned() });
        loaded.books.add(RowKey::of(&["cost", &at.to_string()]), place(cost.marketplace)?, fact);
    }
    for sent in &world.sent {
        let fact = Fact::Inbound(InboundItem {
            shipment_id: sent.shipment_id.clone(),
            sku: sent.sku.clone(),
            fnsku: sent.fnsku.clone(),
            shipped: sent.shipped,
            received: sent.received,
            closed: sent.closed,
            delivered_on: sent.delivered_on,
            partnered: sent.partnered,
        });
        loaded.books.add(RowKey::of(&["inbound", &sent.shipment_id, &sent.fnsku]), place(sent.marketplace)?, fact);
    }
    for told in &world.delivered {
        let fact = Fact::Delivery(Delivery {
            order_id: told.order_id.clone(),
            tracking: told.tracking.clone(),
            fnsku: told.fnsku.clone(),
            delivered_on: told.on,
            good: told.good,
            damaged: told.damaged,
        });
        loaded.books.add(RowKey::of(&["delivery", &told.order_id, &told.tracking]), place(told.marketplace)?, fact);
    }
    for parcel in &world.parcels {
        let fact = Fact::Parcel(Parcel {
            tracking: parcel.tracking.clone(),
            day: parcel.day,
            reason: parcel.reason.to_owned(),
            value: Money::new(parcel.minor, Currency::try_new(parcel.currency)?),
        });
        loaded.books.add(RowKey::of(&["parcel", &parcel.tracking]), place(parcel.marketplace)?, fact);
    }
    Ok(loaded)
}

fn place(code: &str) -> anyhow::Result<Marketplace> {
    Marketplace::of_country(code).with_context(|| format!("{code} is no marketplace"))
}

impl Loaded {
    /// Reads all files once more.
    #[cfg(test)]
    pub(super) fn read_again(&mut self, world: &World) {
        for file in &world.files {
            self.file(file).expect("it was read before");
        }
    }

    fn file(&mut self, file: &File) -> anyhow::Result<()> {
        match file.report {
            LedgerEvent::NAME => self.rows_of::<LedgerEvent>(file, |row| {
                let known = !matches!(row.reason, Some(LedgerReason::Unknown(_)));
                known.then_some(Fact::Ledger(row))
            }),
            Reimbursement::NAME => self.rows_of::<Reimbursement>(file, |row| {
                let known = !matches!(row.reason, ReimbursementReason::Unknown(_));
                known.then_some(Fact::Reimbursement(row))
            }),
            CustomerReturn::NAME => self.rows_of(file, |row| Some(Fact::Return(row))),
            Replacement::NAME => self.rows_of(file, |row| Some(Fact::Replacement(row))),
            Sale::NAME => self.rows_of(file, |row| Some(Fact::Sale(row))),
            RemovalOrder::NAME => self.rows_of(file, |row| Some(Fact::Removal(row))),
            RemovalShipment::NAME => self.rows_of(file, |row| Some(Fact::RemovalShipment(row))),
            Stock::NAME => self.rows_of(file, |row| Some(Fact::Stock(row))),
            LongTermStorage::NAME => self.rows_of(file, |row| Some(Fact::LongTermStorage(row))),
            Storage::NAME => self.rows_of(file, |row| Some(Fact::Storage(row))),
            FeePreview::NAME => self.rows_of(file, |row| Some(Fact::FeePreview(file.taken_on, row))),
            SettlementLine::NAME => self.settlement(file),
            other => anyhow::bail!("{other} is not read"),
        }
    }

    fn rows_of<T: Report>(&mut self, file: &File, fact: impl Fn(T) -> Option<Fact>) -> anyhow::Result<()> {
        let options = Options { charset: Charset::of_content_type(file.content_type) };
        let place = place(file.marketplace)?;
        for row in Reader::<_, T>::open(file.bytes.as_slice(), options)? {
            self.rows += 1;
            match row.map(|row| (row.key, fact(row.row))) {
                Ok((key, Some(fact))) => {
                    self.books.add(key, place, fact);
                }
                Ok((_, None)) => self.quarantined += 1,
                Err(problem) => {
                    self.bad_rows += 1;
                    eprintln!("{}: {problem}", file.report);
                }
            }
        }
        Ok(())
    }

    fn settlement(&mut self, file: &File) -> anyhow::Result<()> {
        let options = Options { charset: Charset::of_content_type(file.content_type) };
        let place = place(file.marketplace)?;
        let mut settlement = SettlementReader::default();
        for line in Reader::<_, SettlementLine>::open(file.bytes.as_slice(), options)? {
            self.rows += 1;
            match line.map(|line| (line.key, settlement.posting(&line.row, place))) {
                Ok((key, Ok(Some(posting)))) => {
                    self.books.add(key, place, Fact::Posting(posting));
                }
                Ok((_, Ok(None))) => {}
                other => {
                    self.bad_rows += 1;
                    eprintln!("{}: {other:?}", file.report);
                }
            }
        }
        if let Some(until) = settlement.until {
            self.books.settled_until(place.currency(), until);
        }
        Ok(())
    }
}
