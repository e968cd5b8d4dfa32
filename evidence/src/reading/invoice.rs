//! What was read of an invoice, whatever it was read from.

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};
use shared_events::money::{Currency, Money};

use super::decimal::Decimal;
use super::line_kind;

/// What the fields were read from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// An OASIS UBL 2.x document.
    Ubl,
    /// A UN/CEFACT Cross Industry Invoice, alone or inside a PDF.
    Cii,
    /// The text of a PDF.
    PdfText,
    /// Optical character recognition of a scan or photo.
    Ocr,
}

/// Whether it asks for money or gives some back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// The buyer owes the gross amount.
    Invoice,
    /// The seller owes it.
    CreditNote,
}

/// A rectangle on a page, in hundredths of a point from the upper left corner.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// Counted from 1.
    pub page: u32,
    /// Left edge.
    pub left: i32,
    /// Upper edge.
    pub top: i32,
    /// Right edge.
    pub right: i32,
    /// Lower edge.
    pub bottom: i32,
}

/// A value, how sure the reader is of it, and where it stood.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Found<T> {
    /// What was read.
    pub value: T,
    /// Per cent; 100 for what a machine wrote for machines.
    pub confidence: u8,
    /// Where it stood, if the document has pages.
    pub place: Option<Place>,
}

impl<T> Found<T> {
    /// A value out of structured data.
    pub fn certain(value: T) -> Self {
        Self { value, confidence: 100, place: None }
    }
}

/// A calendar day as written, which may be two days when day and month can be told apart by nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Day {
    /// The likelier day.
    pub date: NaiveDate,
    /// The other day that the same characters may mean.
    pub or: Option<NaiveDate>,
}

/// Who takes part in the deal, as what.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Party {
    /// The element that held it, such as `AccountingSupplierParty` or `SellerTradeParty`.
    pub role: String,
    /// Trading or registered name.
    pub name: Option<String>,
    /// Value added tax or other tax number.
    pub tax_id: Option<String>,
    /// Every other identifier of the party.
    pub ids: Vec<Id>,
    /// Address, from the street to the country, one part each.
    pub address: Vec<String>,
}

/// An identifier somewhere in the document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Id {
    /// The elements that led there, by `/`.
    pub path: String,
    /// Its scheme, where one is named.
    pub scheme: Option<String>,
    /// The identifier as written.
    pub value: String,
}

impl Id {
    /// Whether it is the number of an order that the document refers to.
    pub fn is_of_order(&self) -> bool {
        self.path.contains("OrderReference") || self.path.contains("OrderReferencedDocument")
    }
}

/// What a line charges for: sourcing cost leaves freight and duty out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LineKind {
    /// Goods or a service.
    Product,
    /// Bringing the goods.
    Freight,
    /// Customs and import charges.
    Duty,
    /// Something taken off.
    Discount,
    /// A tax shown as a line.
    Tax,
}

/// One line, or one allowance or charge of the whole document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// Its own number or position.
    pub id: String,
    /// What is charged for.
    pub description: String,
    /// The seller's number of the item.
    pub seller_sku: Option<String>,
    /// The buyer's number, or a global one (GTIN).
    pub sku: Option<String>,
    /// What other numbers the item has.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub other_skus: Vec<String>,
    /// How many.
    pub quantity: Option<Decimal>,
    /// Of what: a unit code or word.
    pub unit: Option<String>,
    /// Price of one.
    pub unit_price: Option<Decimal>,
    /// What the line adds to the net sum, negative for a discount.
    pub amount: Money,
    /// Tax rate in per cent.
    pub tax_rate: Option<Decimal>,
    /// What kind of cost it is.
    pub kind: LineKind,
    /// Where it stood, if the document has pages.
    pub place: Option<Place>,
}

impl Line {
    /// The same line with its kind, which follows from what else it says.
    pub fn told(self) -> Self {
        let many = self.quantity.is_some_and(|quantity| quantity > Decimal::ONE) && self.unit_price.is_some();
        let counted = many || self.codes().next().is_some();
        Self { kind: line_kind::of(&self.description, counted), ..self }
    }

    /// The numbers of its item.
    pub fn codes(&self) -> impl Iterator<Item = &str> {
        [&self.seller_sku, &self.sku].into_iter().flatten().chain(&self.other_skus).map(String::as_str)
    }
}

/// One rate of one tax.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaxSubtotal {
    /// The tax, such as `VAT`.
    pub scheme: Option<String>,
    /// Its category code.
    pub category: Option<String>,
    /// Per cent.
    pub rate: Option<Decimal>,
    /// What it is taken of.
    pub taxable: Option<Money>,
    /// The tax itself.
    pub amount: Money,
}

/// A named total of the document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Total {
    /// The element that held it.
    pub name: String,
    /// The amount.
    pub amount: Money,
}

/// Something that does not add up; shown to people, never repaired.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Flag {
    /// The check that failed.
    pub rule: String,
    /// In words, with the figures.
    pub message: String,
}

/// Everything that was read of one document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Invoice {
    /// What it was read from.
    pub source: Source,
    /// Invoice or credit note.
    pub kind: Kind,
    /// The seller's name.
    pub issuer: Option<Found<String>>,
    /// The document's number.
    pub number: Option<Found<String>>,
    /// The day it was issued.
    pub date: Option<Found<Day>>,
    /// The currency of all totals.
    pub currency: Option<Found<Currency>>,
    /// Without tax.
    pub net: Option<Found<Money>>,
    /// All taxes.
    pub tax: Option<Found<Money>>,
    /// With tax.
    pub gross: Option<Found<Money>>,
    /// Everybody named in it.
    pub parties: Vec<Party>,
    /// Its lines, then charges and allowances of the whole document.
    pub lines: Vec<Line>,
    /// Taxes by rate.
    pub taxes: Vec<TaxSubtotal>,
    /// Totals as named in it.
    pub totals: Vec<Total>,
    /// Every identifier in it.
    pub ids: Vec<Id>,
    /// What does not add up.
    pub flags: Vec<Flag>,
}

impl Invoice {
    /// An invoice of which nothing is known yet.
    pub fn empty(source: Source) -> Self {
        Self {
            source,
            kind: Kind::Invoice,
            issuer: None,
            number: None,
            date: None,
            currency: None,
            net: None,
            tax: None,
            gross: None,
            parties: vec![],
            lines: vec![],
            taxes: vec![],
            totals: vec![],
            ids: vec![],
            flags: vec![],
        }
    }
}
