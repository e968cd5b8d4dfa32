//! What lists ask for, and what completes them.

use serde_json::json;

use super::*;

#[test]
fn every_type_needs_something_and_rows_alone_are_enough_for_losses_in_a_warehouse() {
    for claim_type in ClaimType::ALL {
        assert!(!items(claim_type).is_empty(), "{claim_type:?}");
        assert!(!Checklist::of(claim_type, &json!({}), &[]).is_complete(), "{claim_type:?}: nothing proves nothing");
    }
    assert!(Checklist::of(ClaimType::FcLost, &json!({}), &[("ledger", "row")]).is_complete());
}

#[test]
fn what_rows_show_is_shown_by_the_row_of_its_report() {
    let subject = json!({"order_id": "113-1", "removal_id": "RMV-1"});
    let shown = |claim_type, rows: &[(&str, &str)], item| {
        let list = Checklist::of(claim_type, &subject, rows);
        list.0.iter().find(|line| line.item == item).and_then(|line| line.shown_by.clone())
    };
    let rows = [("return", "came-back"), ("settlement", "refund")];
    assert_eq!(shown(ClaimType::ReturnRestockMissing, &rows, Item::RefundEvent).as_deref(), Some("refund"));
    let rows = [("removal_shipment", "parcel")];
    assert_eq!(shown(ClaimType::RemovalLost, &rows, Item::Tracking).as_deref(), Some("parcel"));
    assert_eq!(shown(ClaimType::RemovalLost, &[("ledger", "row")], Item::Tracking), None, "no other row shows it");
}

#[test]
fn an_inbound_claim_needs_shipment_ownership_and_delivery() {
    let mut list = Checklist::of(ClaimType::InboundShortage, &json!({"shipment_id": "FBA1"}), &[("inbound", "row")]);
    assert_eq!(list.missing().collect::<Vec<_>>(), [Item::ProofOfOwnership, Item::ProofOfDelivery, Item::PackingSlip]);
    assert!(!list.has_documents());
    assert!(list.matched("invoice"));
    assert!(list.has_documents() && !list.is_complete());
    assert!(!list.attached(Item::ShipmentId, "photo"), "rows show it, not people");
    assert!(!list.attached(Item::Photos, "photo"), "not on the list");
    assert!(list.attached(Item::ProofOfDelivery, "pod"));
    assert!(!list.is_complete(), "nobody says which box held what");
    assert!(list.attached(Item::PackingSlip, "slip"));
    assert!(list.is_complete());
    let anew = Checklist::of(ClaimType::InboundShortage, &json!({"shipment_id": "FBA1"}), &[]).keeping(&list);
    assert!(anew.is_complete(), "documents stay when the rows change");
    list.refuse_documents();
    assert_eq!(list.missing().count(), 3);
}

#[test]
fn a_licence_plate_comes_from_the_return_or_from_a_person_and_removals_go_without() {
    let plate = |list: &Checklist| list.0.iter().find(|line| line.item == Item::LicensePlate).cloned();
    let rows = [("return", "row")];
    let subject = json!({"order_id": "113-1", "license_plate": "LPNHE100000001"});
    let told = Checklist::of(ClaimType::ReturnRestockMissing, &subject, &rows);
    assert_eq!(plate(&told).and_then(|line| line.shown_by).as_deref(), Some("LPNHE100000001"));
    assert!(told.is_complete() && !told.has_documents(), "what a row says is no document");

    let subject = json!({"order_id": "113-1"});
    let mut silent = Checklist::of(ClaimType::ReturnAmazonFaultUnsellable, &subject, &rows);
    assert_eq!(silent.missing().collect::<Vec<_>>(), [Item::LicensePlate, Item::Photos]);
    assert!(silent.attached(Item::LicensePlate, "label") && silent.attached(Item::Photos, "photo"));
    assert!(silent.is_complete() && silent.has_documents());
    // A later report may name the plate: the photo stays what shows it.
    let later = json!({"order_id": "113-1", "license_plate": "LPNHE100000001"});
    let kept = Checklist::of(ClaimType::ReturnAmazonFaultUnsellable, &later, &rows).keeping(&silent);
    assert_eq!(plate(&kept).and_then(|line| line.shown_by).as_deref(), Some("label"));
    silent.refuse_documents();
    assert_eq!(silent.missing().count(), 2);

    let (subject, rows) = (json!({"removal_id": "RMV-1"}), [("removal_shipment", "row")]);
    let mut removal = Checklist::of(ClaimType::RemovalDamagedOrShort, &subject, &rows);
    assert_eq!(removal.missing().collect::<Vec<_>>(), [Item::Photos], "new units never had a plate");
    assert!(removal.attached(Item::LicensePlate, "label") && !removal.is_complete());
}

#[test]
fn lists_of_old_still_count_their_documents() {
    let list: Checklist = serde_json::from_value(json!([
        {"item": "ledger_rows", "ok": true, "shown_by": "row"},
        {"item": "photos", "ok": true, "shown_by": "photo"},
    ]))
    .expect("a list as it was stored");
    assert!(list.is_complete() && list.has_documents());
    assert_eq!(json!(list)[0], json!({"item": "ledger_rows", "ok": true, "shown_by": "row"}));
}
