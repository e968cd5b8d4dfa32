//! Finances v0: what was posted to the seller's account, by kind of event.

#![expect(missing_docs, reason = "the fields of the events are the published ones, and named as there")]

use chrono::{DateTime, Utc};
use serde::Deserialize;

use super::amount::{iso, list};
use super::call::Question;
pub use super::finances_v0_orders::*;
pub use super::finances_v0_services::*;
pub use super::finances_v0_stock::*;
use super::{Error, Operation, Session};

/// Which events.
#[derive(Debug, Clone, Default)]
pub struct ListFinancialEvents {
    /// 1 to 100 events a page.
    pub max_results_per_page: Option<u32>,
    /// Posted at or after; more than two minutes ago.
    pub posted_after: Option<DateTime<Utc>>,
    /// Posted before; at most 180 days later.
    pub posted_before: Option<DateTime<Utc>>,
    /// The next page.
    pub next_token: Option<String>,
}

/// Some events.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct FinancialEventsPage {
    /// What the next page is asked by.
    pub next_token: Option<String>,
    /// The events.
    #[serde(default)]
    pub financial_events: FinancialEvents,
}

/// What was posted, by kind.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct FinancialEvents {
    #[serde(default, deserialize_with = "list")]
    pub shipment_event_list: Vec<ShipmentEvent>,
    #[serde(default, deserialize_with = "list")]
    pub shipment_settle_event_list: Vec<ShipmentEvent>,
    #[serde(default, deserialize_with = "list")]
    pub refund_event_list: Vec<ShipmentEvent>,
    #[serde(default, deserialize_with = "list")]
    pub guarantee_claim_event_list: Vec<ShipmentEvent>,
    #[serde(default, deserialize_with = "list", rename = "EBTRefundReimbursementOnlyEventList")]
    pub ebt_refund_reimbursement_only_event_list: Vec<EbtRefundReimbursementOnlyEvent>,
    #[serde(default, deserialize_with = "list")]
    pub chargeback_event_list: Vec<ShipmentEvent>,
    #[serde(default, deserialize_with = "list")]
    pub pay_with_amazon_event_list: Vec<PayWithAmazonEvent>,
    #[serde(default, deserialize_with = "list")]
    pub service_provider_credit_event_list: Vec<SolutionProviderCreditEvent>,
    #[serde(default, deserialize_with = "list")]
    pub retrocharge_event_list: Vec<RetrochargeEvent>,
    #[serde(default, deserialize_with = "list")]
    pub rental_transaction_event_list: Vec<RentalTransactionEvent>,
    #[serde(default, deserialize_with = "list")]
    pub product_ads_payment_event_list: Vec<ProductAdsPaymentEvent>,
    #[serde(default, deserialize_with = "list")]
    pub service_fee_event_list: Vec<ServiceFeeEvent>,
    #[serde(default, deserialize_with = "list")]
    pub seller_deal_payment_event_list: Vec<SellerDealPaymentEvent>,
    #[serde(default, deserialize_with = "list")]
    pub debt_recovery_event_list: Vec<DebtRecoveryEvent>,
    #[serde(default, deserialize_with = "list")]
    pub loan_servicing_event_list: Vec<LoanServicingEvent>,
    #[serde(default, deserialize_with = "list")]
    pub adjustment_event_list: Vec<AdjustmentEvent>,
    #[serde(default, deserialize_with = "list", rename = "SAFETReimbursementEventList")]
    pub safet_reimbursement_event_list: Vec<SafetReimbursementEvent>,
    #[serde(default, deserialize_with = "list")]
    pub seller_review_enrollment_payment_event_list: Vec<SellerReviewEnrollmentPaymentEvent>,
    #[serde(default, deserialize_with = "list", rename = "FBALiquidationEventList")]
    pub fba_liquidation_event_list: Vec<FbaLiquidationEvent>,
    #[serde(default, deserialize_with = "list")]
    pub coupon_payment_event_list: Vec<CouponPaymentEvent>,
    #[serde(default, deserialize_with = "list")]
    pub imaging_services_fee_event_list: Vec<ImagingServicesFeeEvent>,
    #[serde(default, deserialize_with = "list")]
    pub network_commingling_transaction_event_list: Vec<NetworkComminglingTransactionEvent>,
    #[serde(default, deserialize_with = "list")]
    pub affordability_expense_event_list: Vec<AffordabilityExpenseEvent>,
    #[serde(default, deserialize_with = "list")]
    pub affordability_expense_reversal_event_list: Vec<AffordabilityExpenseEvent>,
    #[serde(default, deserialize_with = "list")]
    pub removal_shipment_event_list: Vec<RemovalShipmentEvent>,
    #[serde(default, deserialize_with = "list")]
    pub removal_shipment_adjustment_event_list: Vec<RemovalShipmentAdjustmentEvent>,
    #[serde(default, deserialize_with = "list")]
    pub trial_shipment_event_list: Vec<TrialShipmentEvent>,
    #[serde(default, deserialize_with = "list", rename = "TDSReimbursementEventList")]
    pub tds_reimbursement_event_list: Vec<TdsReimbursementEvent>,
    #[serde(default, deserialize_with = "list")]
    pub adhoc_disbursement_event_list: Vec<AdhocDisbursementEvent>,
    #[serde(default, deserialize_with = "list")]
    pub tax_withholding_event_list: Vec<TaxWithholdingEvent>,
    #[serde(default, deserialize_with = "list")]
    pub charge_refund_event_list: Vec<ChargeRefundEvent>,
    #[serde(default, deserialize_with = "list")]
    pub failed_adhoc_disbursement_event_list: Vec<FailedAdhocDisbursementEvent>,
    #[serde(default, deserialize_with = "list")]
    pub value_added_service_charge_event_list: Vec<ValueAddedServiceChargeEvent>,
    #[serde(default, deserialize_with = "list")]
    pub capacity_reservation_billing_event_list: Vec<CapacityReservationBillingEvent>,
}

impl Session {
    /// Lists what was posted. Amounts may be corrected for some days.
    ///
    /// # Errors
    /// As [`Error`] says.
    pub async fn list_financial_events(&self, query: &ListFinancialEvents) -> Result<FinancialEventsPage, Error> {
        let question = Question::get(Operation::ListFinancialEvents, "/finances/v0/financialEvents")
            .with("MaxResultsPerPage", query.max_results_per_page)
            .with("PostedAfter", query.posted_after.map(iso))
            .with("PostedBefore", query.posted_before.map(iso))
            .with("NextToken", query.next_token.as_ref());
        self.call_wrapped(&question).await
    }
}
