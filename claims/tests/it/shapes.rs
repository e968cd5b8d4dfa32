//! Every report in its published layout.

use claims::reasons::{LedgerReason, Movement, ReimbursementReason};
use claims::reports::*;

fn rows<T: Report>(text: &str) -> Vec<T> {
    let text = text.replace('|', "\t");
    let reader = Reader::<_, T>::open(text.as_bytes(), Options::default()).expect("the header is complete");
    reader.map(|row| row.expect("the row is good").row).collect()
}

#[test]
fn reimbursements_and_their_reversal() {
    let rows: Vec<Reimbursement> = rows(
        "approval-date|reimbursement-id|case-id|amazon-order-id|reason|sku|fnsku|asin|product-name|condition|currency-unit|amount-per-unit|amount-total|quantity-reimbursed-cash|quantity-reimbursed-inventory|quantity-reimbursed-total|original-reimbursement-id|original-reimbursement-type
2026-05-12T09:59:13+00:00|9823455511|15902837461||Lost_Warehouse|HEADSET-BLK|X001HEADB1|B0EXAMPLE2|Headset black|NewItem|USD|11.88|35.64|3|0|3||
2026-06-02T14:03:41+00:00|9823499102|15902837461||Reimbursement_Reversal|HEADSET-BLK|X001HEADB1|B0EXAMPLE2|Headset black|NewItem|USD|-11.88|-11.88|-1|0|-1|9823455511|Lost_Warehouse
",
    );
    assert_eq!((rows[0].total.minor, rows[0].cash_units, rows[0].inventory_units), (3564, 3, 0));
    assert_eq!(rows[0].case_id.as_deref(), Some("15902837461"));
    assert!(rows[1].is_reversal());
    assert_eq!(rows[1].subject_reason(), Some(&ReimbursementReason::LostWarehouse));
    assert_eq!((rows[1].total.minor, rows[1].original_id.as_deref()), (-1188, Some("9823455511")));
}

#[test]
fn the_ledger_in_detail_with_quotes_and_blank_reconciled_quantities() {
    let rows: Vec<LedgerEvent> = rows(
        r#""Date"|"FNSKU"|"ASIN"|"MSKU"|"Title"|"Event Type"|"Reference ID"|"Quantity"|"Fulfillment Center"|"Disposition"|"Reason"|"Country"|"Reconciled Quantity"|"Unreconciled Quantity"|"Date and Time"|"Store"
"05/26/2026"|"X001SL"|"B0000COYXD"|"SLU_2PK"|"How Deep Lies the Shadow"|"Adjustments"|"21188081"|"-16"|"LGB3"|"SELLABLE"|"M"|"US"|"5"|"11"|"2026-05-26T00:00:00-0700"|""
"05/28/2026"|"X001SL"|"B0000COYXD"|"SLU_2PK"|"How ""Deep"" Lies"|"Adjustments"|"21188091"|"1"|"PHX6"|"WAREHOUSE_DAMAGED"|"P"|"US"|""|""|"2026-05-28T00:00:00-0700"|""
"#,
    );
    assert_eq!((rows[0].quantity, rows[0].reconciled, rows[0].unreconciled), (-16, Some(5), Some(11)));
    assert_eq!(rows[0].reason, Some(LedgerReason::Known(Movement::Lost)));
    assert_eq!((rows[1].unreconciled, &rows[1].disposition), (None, &Disposition::WarehouseDamaged));
}

#[test]
fn balances_of_the_ledger_add_up() {
    let rows: Vec<LedgerDay> = rows(
        "Date|FNSKU|ASIN|MSKU|Title|Disposition|Starting Warehouse Balance|In Transit Between Warehouses|Receipts|Customer Shipments|Customer Returns|Vendor Returns|Warehouse Transfer In/Out|Found|Lost|Damaged|Disposed|Other Events|Ending Warehouse Balance|Unknown Events|Location|Store
05/13/2026|X001HEADB1|B0EXAMPLE2|HEADSET-BLK|Headset black|SELLABLE|10|0|2|-1|1|0|0|0|-1|0|0|0|11|0|US|
05/14/2026|X001HEADB1|B0EXAMPLE2|HEADSET-BLK|Headset black|SELLABLE|11|0|0|-1|0|0|0|0|0|0|0|0|9|0|US|
",
    );
    assert_eq!((rows[0].difference(), rows[1].difference()), (0, -1));
}

#[test]
fn returns_and_replacements() {
    let returns: Vec<CustomerReturn> = rows(
        "return-date|order-id|sku|asin|fnsku|product-name|quantity|fulfillment-center-id|detailed-disposition|reason|status|license-plate-number|customer-comments
2026-06-10T08:00:00+00:00|113-0000002-0000002|CAM-KIT-01|B0EXAMPLE1|X001CAM011|Camera kit|1|DTM2|CARRIER_DAMAGED|UNDELIVERABLE_CARRIER_MISS_SORTED|Unit returned to inventory|LPNHE100000001|
",
    );
    assert_eq!(returns[0].disposition, Disposition::CarrierDamaged);
    assert_eq!(returns[0].license_plate.as_deref(), Some("LPNHE100000001"));
    let replacements: Vec<Replacement> = rows(
        "shipment-date|sku|asin|fulfillment-center-id|original-fulfillment-center-id|quantity|replacement-reason-code|replacement-amazon-order-id|original-amazon-order-id
2026-06-10T08:00:00+00:00|CAM-KIT-01|B0EXAMPLE1|DTM2|DTM2|1|2|113-2|113-1
",
    );
    assert_eq!((replacements[0].original_order_id.as_str(), replacements[0].quantity), ("113-1", 1));
}

#[test]
fn fee_previews_of_both_layouts() {
    let us: Vec<FeePreview> = rows(
        "sku|fnsku|asin|amazon-store|product-name|product-group|brand|fulfilled-by|your-price|sales-price|longest-side|median-side|shortest-side|length-and-girth|unit-of-dimension|item-package-weight|unit-of-weight|product-size-tier|currency|estimated-fee-total|estimated-referral-fee-per-unit|estimated-variable-closing-fee|estimated-order-handling-fee-per-order|estimated-pick-pack-fee-per-unit|estimated-weight-handling-fee-per-unit|expected-fulfillment-fee-per-unit|estimated-future-fee|estimated-future-order-handling-fee-per-order|estimated-future-pick-pack-fee-per-unit|estimated-future-weight-handling-fee-per-unit|expected-future-fulfillment-fee-per-unit
SKU1|X001SKU101|B0EXAMPLE3|US|Product|Luggage|Brand|Amazon|25.00|25.00|6|4|1|10|inches|0.5|pounds|Small standard|USD|8.01|3.75|0|0|4.26|0|4.26|8.50|0|4.50|0|4.50
",
    );
    assert_eq!(us[0].fulfilment.map(|fee| fee.minor), Some(426));
    assert_eq!(us[0].referral.map(|fee| fee.minor), Some(375));
    let eu: Vec<FeePreview> = rows(
        "sku|fnsku|asin|amazon-store|product-name|has-local-inventory|your-price|sales-price|product-size-weight-band|currency|estimated-fee-total|estimated-referral-fee-per-unit|expected-domestic-fulfilment-fee-per-unit|expected-efn-fulfilment-fee-per-unit-uk|expected-efn-fulfilment-fee-per-unit-de|expected-efn-fulfilment-fee-per-unit-fr
SKU1|X001SKU101|B0EXAMPLE3|DE|Produkt|Yes|25,00|25,00|Std|EUR|7,85|3,75|4,10|8,20||--
",
    );
    assert_eq!(eu[0].fulfilment.map(|fee| fee.to_string()).as_deref(), Some("4.10 EUR"));
    assert_eq!(eu[0].fulfilment_abroad.len(), 1);
}

#[test]
fn storage_charges() {
    let long: Vec<LongTermStorage> = rows(
        "snapshot-date|sku|fnsku|asin|product-name|condition|per-unit-volume|currency|volume-unit|country|qty-charged|amount-charged|surcharge-age-tier|rate-surcharge
2026-05-15T00:00:00+00:00|SKU1|X1|B0|Product|New|0.2467|USD|cubic feet|US|4|6.81|365+ days|6.90
",
    );
    assert_eq!(long[0].unit_volume, Some(Decimal { digits: 2467, scale: 4 }));
    assert_eq!((long[0].quantity, long[0].charged.minor), (4, 681));
    let month: Vec<Storage> = rows(
        "asin|fnsku|product-name|fulfillment-center|country-code|item-volume|volume-units|average-quantity-on-hand|estimated-total-item-volume|month-of-charge|storage-rate|currency|estimated-monthly-storage-fee
B0|X1|Product|LGB3|US|0.2467|cubic feet|12.50|3.0838|2026-05|0.78|USD|2.4053
",
    );
    assert_eq!(month[0].fee, Some(Decimal { digits: 24053, scale: 4 }));
}

#[test]
fn removals_their_parcels_stock_and_sales() {
    let orders: Vec<RemovalOrder> = rows(
        "request-date|order-id|order-source|order-type|service-speed|order-status|last-updated-date|sku|fnsku|disposition|requested-quantity|cancelled-quantity|disposed-quantity|shipped-quantity|in-process-quantity|removal-fee|currency
2026-04-02T00:00:00+00:00|RMV-77811|Seller|Return|Standard|Completed|2026-04-09T00:00:00+00:00|MIC-USB|X001MICUS1|Unsellable|5|1|0|4||2.08|USD
",
    );
    assert_eq!((orders[0].requested, orders[0].cancelled, orders[0].in_process), (5, 1, 0));
    let parcels: Vec<RemovalShipment> = rows(
        "request-date|order-id|shipment-date|sku|fnsku|disposition|shipped-quantity|carrier|tracking-number|removal-order-type
2026-04-02T00:00:00+00:00|RMV-77811|2026-04-06T00:00:00+00:00|MIC-USB|X001MICUS1|Unsellable|2|UPS|1Z999AA10123456784|Return
",
    );
    assert_eq!((parcels[0].quantity, parcels[0].tracking.as_deref()), (2, Some("1Z999AA10123456784")));
    let stock: Vec<Stock> = rows(
        "sku|fnsku|asin|product-name|condition|your-price|afn-warehouse-quantity|afn-fulfillable-quantity|afn-unsellable-quantity|afn-researching-quantity
SKU1|X1|B0|Product|New|9.99|12|9|1|2
",
    );
    assert_eq!((stock[0].fulfillable, stock[0].researching), (9, 2));
    let sales: Vec<Sale> = rows(
        "shipment-date|sku|fnsku|asin|fulfillment-center-id|quantity|amazon-order-id|currency|item-price-per-unit|shipping-price|gift-wrap-price|ship-city|ship-state|ship-postal-code
2026-04-02T10:00:00+00:00|SKU1|X1|B0|LGB3|2|113-1|USD|25.00|0|0|SEATTLE|WA|98101
",
    );
    assert_eq!((sales[0].quantity, sales[0].unit_price.minor), (2, 2500));
}

#[test]
fn settlements_with_the_sum_first_and_blank_units_of_refunds() {
    let rows: Vec<SettlementLine> = rows(
        "settlement-id|settlement-start-date|settlement-end-date|deposit-date|total-amount|currency|transaction-type|order-id|merchant-order-id|adjustment-id|shipment-id|marketplace-name|amount-type|amount-description|amount|fulfillment-id|posted-date|posted-date-time|order-item-code|merchant-order-item-id|merchant-adjustment-item-id|sku|quantity-purchased|promotion-id
111|2026-05-01 00:00:00 UTC|2026-05-15 00:00:00 UTC|2026-05-17 00:00:00 UTC|-3.75|USD||||||||||||||||||
111||||||Refund|113-1|||S1|Amazon.com|ItemPrice|Principal|-25,00|AFN|2026-05-04|2026-05-04 10:00:00 UTC|77|||SKU1||
",
    );
    assert_eq!((rows[0].sum.map(|sum| sum.minor), rows[0].ends_at.is_some()), (Some(-375), true));
    let usd = rows[0].currency.expect("in the first row");
    assert_eq!((rows[1].money(usd).map(|money| money.minor), rows[1].quantity), (Some(-2500), None));
}
