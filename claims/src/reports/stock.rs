//! `GET_FBA_MYI_UNSUPPRESSED_INVENTORY_DATA`: what lies in the warehouses now.

use super::{Column, FieldError, Fields, Report, identity, optional, required};

/// Units of one article, by what is happening to them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stock {
    /// The seller's number of the article.
    pub sku: String,
    /// Amazon's number of it.
    pub fnsku: String,
    /// In warehouses, whatever their state.
    pub warehouse: i64,
    /// Can be sold at once.
    pub fulfillable: i64,
    /// Cannot be sold.
    pub unsellable: i64,
    /// Reserved for orders, transfers or counting.
    pub reserved: i64,
    /// Being searched for: nothing to claim until Amazon has given up.
    pub researching: i64,
    /// On their way in: announced, sent, being received.
    pub inbound: [i64; 3],
}

impl Report for Stock {
    const NAME: &'static str = "GET_FBA_MYI_UNSUPPRESSED_INVENTORY_DATA";
    const COLUMNS: &'static [Column] = &[
        identity("sku"),
        identity("fnsku"),
        optional("condition"),
        optional("afn-warehouse-quantity"),
        required("afn-fulfillable-quantity"),
        optional("afn-unsellable-quantity"),
        optional("afn-reserved-quantity"),
        optional("afn-researching-quantity"),
        optional("afn-inbound-working-quantity"),
        optional("afn-inbound-shipped-quantity"),
        optional("afn-inbound-receiving-quantity"),
    ];

    fn read(fields: &Fields<'_>) -> Result<Self, FieldError> {
        let count = |column| fields.whole_or_zero(column);
        Ok(Self {
            sku: fields.owned(0),
            fnsku: fields.needed(1)?,
            warehouse: count(3)?,
            fulfillable: count(4)?,
            unsellable: count(5)?,
            reserved: count(6)?,
            researching: count(7)?,
            inbound: [count(8)?, count(9)?, count(10)?],
        })
    }
}
