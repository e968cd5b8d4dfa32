//! Every message: what it is called, where it is said, by whom and for whom.

use std::collections::BTreeSet;

use service_kit::config::{Env, load};
use shared_events::outcome::{COMMAND_REJECTED, CommandRejected};
use shared_events::{Kind, Message, Service, Topic, claims, commission, evidence, notify, orders, tracking};
use utoipa::ToSchema;
use utoipa::openapi::schema::Schema;
use utoipa::openapi::{RefOr, schema};

/// One message.
pub struct Entry {
    /// The Rust type.
    pub name: String,
    /// The wire name.
    pub kind: &'static str,
    /// Where it is said.
    pub topics: Vec<Topic>,
    /// The field that is its key.
    pub key: &'static str,
    /// Who says it.
    pub producers: Vec<&'static str>,
    /// Who listens.
    pub consumers: Vec<&'static str>,
    /// What it means.
    pub doc: String,
    /// Its data.
    pub schema: schema::Object,
    /// What its data refers to.
    pub schemas: Vec<(String, RefOr<Schema>)>,
}

/// Which types have a handler in which service.
struct Handled([(&'static str, BTreeSet<&'static str>); 6]);

impl Handled {
    fn read() -> Self {
        let config = load::<::commission::Config>(&Env::of([("ACCOUNT_DETAILS_KEY", crate::replay::NO_KEY)]));
        let config = config.expect("everything but the key has a default");
        let notify = load::<::notify::Config>(&Env::of([("ACCOUNT_DETAILS_KEY", crate::replay::NO_KEY)]));
        let notify = notify.expect("everything but the key has a default");
        Self([
            (Service::Tracking.name(), ::tracking::messages().types().collect()),
            (Service::Commission.name(), ::commission::routes(&config).types().collect()),
            (Service::Evidence.name(), ::evidence::messages(::evidence::prompts::Timing::default()).types().collect()),
            (Service::Claims.name(), ::claims::messages(None).types().collect()),
            (Service::Orders.name(), ::orders::routes().types().collect()),
            (Service::Notify.name(), ::notify::messages(&notify).types().collect()),
        ])
    }

    fn by(&self, kind: &str) -> impl Iterator<Item = &'static str> {
        self.0.iter().filter(move |(_, types)| types.contains(kind)).map(|(service, _)| *service)
    }
}

fn entry<M: Message + ToSchema>(handled: &Handled, key: &'static str) -> Entry {
    let topic = M::TOPIC;
    let mut consumers: Vec<_> = handled.by(M::TYPE).collect();
    // The edge of orders makes its commands itself.
    let from_bff = topic.kind == Kind::Command && topic.service != Service::Orders;
    let producer = if from_bff { "bff" } else { topic.service.name() };
    if topic.kind == Kind::Event {
        consumers.push("bff (event stream)");
    }
    built::<M>(M::TYPE, vec![topic], key, vec![producer], consumers)
}

fn built<M: ToSchema>(
    kind: &'static str,
    topics: Vec<Topic>,
    key: &'static str,
    producers: Vec<&'static str>,
    consumers: Vec<&'static str>,
) -> Entry {
    let RefOr::T(Schema::Object(schema)) = M::schema() else { panic!("{kind} is not an object") };
    let mut schemas = Vec::new();
    M::schemas(&mut schemas);
    let doc = schema.description.clone().unwrap_or_default();
    Entry { name: M::name().into_owned(), kind, topics, key, producers, consumers, doc, schema, schemas }
}

macro_rules! entries {
    ($handled:expr; $($module:ident::$name:ident $key:ident,)+) => {
        vec![$(entry::<$module::$name>($handled, stringify!($key)),)+]
    };
}

/// Every message, in the order in which the code declares them.
pub fn entries() -> Vec<Entry> {
    let handled = &Handled::read();
    let mut entries = entries! { handled;
        tracking::CreateCampaign campaign_id,
        tracking::ActivateCampaign campaign_id,
        tracking::PauseCampaign campaign_id,
        tracking::EndCampaign campaign_id,
        tracking::ReviseRules campaign_id,
        tracking::AcceptCampaign campaign_id,
        tracking::CreateLink campaign_id,
        tracking::AssignCoupon campaign_id,
        tracking::SetDefaultAttribution campaign_id,
        tracking::IssuePublishableKey key_digest,
        tracking::WithdrawPublishableKey key_digest,
        tracking::CampaignCreated campaign_id,
        tracking::CampaignActivated campaign_id,
        tracking::CampaignPaused campaign_id,
        tracking::CampaignEnded campaign_id,
        tracking::RewardRulesRevised campaign_id,
        tracking::CampaignAccepted campaign_id,
        tracking::LinkCreated campaign_id,
        tracking::CouponAssigned campaign_id,
        tracking::DefaultAttributionSet campaign_id,
        tracking::PublishableKeyIssued key_digest,
        tracking::PublishableKeyWithdrawn key_digest,
        tracking::ConversionAttributed conversion_id,
        tracking::ConversionUnattributed conversion_id,
        tracking::ConversionRefunded conversion_id,
        commission::ApproveCommission commission_id,
        commission::RejectCommission commission_id,
        commission::RequestPayment payout_id,
        commission::ApprovePayout payout_id,
        commission::RejectPayout payout_id,
        commission::SubmitPayouts batch_id,
        commission::ConfirmPayout payout_id,
        commission::FailPayout payout_id,
        commission::CommissionCalculated commission_id,
        commission::CommissionApproved commission_id,
        commission::CommissionRejected commission_id,
        commission::CommissionReversed commission_id,
        commission::CommissionClawedBack commission_id,
        commission::PayoutRequested payout_id,
        commission::PayoutApproved payout_id,
        commission::PayoutRejected payout_id,
        commission::PayoutSubmitted payout_id,
        commission::PayoutCompleted payout_id,
        commission::PayoutFailed payout_id,
        evidence::RegisterEvidence evidence_id,
        evidence::DeleteDocument document_id,
        evidence::RequestProof request_id,
        evidence::WithdrawProofRequest request_id,
        evidence::AskPerson prompt_id,
        evidence::AnswerPrompt prompt_id,
        evidence::RecordOutcome request_id,
        evidence::ImportLabels import_id,
        evidence::TrainModel model_id,
        evidence::RevertModel model_id,
        evidence::RecordPayout request_id,
        evidence::DraftPacket request_id,
        evidence::DocumentCosts request_id,
        evidence::EvidenceRegistered evidence_id,
        evidence::EvidenceRejected evidence_id,
        evidence::DocumentReceived document_id,
        evidence::DocumentParsed document_id,
        evidence::DocumentUnreadable document_id,
        evidence::DocumentDeleted document_id,
        evidence::ProofRequested request_id,
        evidence::ProofRequestWithdrawn request_id,
        evidence::EvidenceMatched request_id,
        evidence::EvidenceAmbiguous request_id,
        evidence::MatchRejected request_id,
        evidence::PromptCreated prompt_id,
        evidence::PromptExpiringSoon prompt_id,
        evidence::PromptAnswered prompt_id,
        evidence::PromptExpired prompt_id,
        evidence::PromptCancelled prompt_id,
        evidence::ModelTrained model_id,
        evidence::ModelReverted model_id,
        evidence::PayoutRecorded request_id,
        evidence::ProofPacketReady packet_id,
        evidence::CostsDocumented request_id,
        evidence::FulfilmentProved shipment_id,
        claims::SetSubmissionSwitch of_tenant,
        claims::SubmissionSwitchSet of_tenant,
        claims::ConnectAccount connection_id,
        claims::DisconnectAccount connection_id,
        claims::StartSync sync_id,
        claims::RunDetection run_id,
        claims::DismissDetection detection_id,
        claims::RecordSourcingCost fnsku,
        claims::RecordArrival connection_id,
        claims::AccountConnected connection_id,
        claims::AccountTokenFailed connection_id,
        claims::AccountDisconnected connection_id,
        claims::SyncProgressed run_id,
        claims::RowsCommitted run_id,
        claims::ReportEmptied run_id,
        claims::DetectionRaised detection_id,
        claims::DetectionChanged detection_id,
        claims::DetectionResolved detection_id,
        claims::DetectionExpiring detection_id,
        claims::DetectionExpired detection_id,
        claims::DetectionDismissed detection_id,
        claims::DetectionRunFinished run_id,
        orders::PlaceOrder order_id,
        orders::UpdateOrder order_id,
        orders::CancelOrder order_id,
        orders::ChangeOrderStatus order_id,
        orders::SteerOrder order_id,
        orders::FulfilOrder order_id,
        orders::RefundOrder order_id,
        orders::DecideOrderTask task_id,
        orders::ClaimOrderTask task_id,
        orders::PutProduct product_id,
        orders::PutCustomer customer_id,
        orders::PutCart customer_id,
        orders::PutWarehouse warehouse_id,
        orders::ChangeStock sku,
        orders::OrderPlaced order_id,
        orders::OrderUpdated order_id,
        orders::OrderHeld order_id,
        orders::OrderReleased order_id,
        orders::OrderConfirmed order_id,
        orders::StockReserved order_id,
        orders::StockShort order_id,
        orders::StockReleased order_id,
        orders::ReorderSuggested sku,
        orders::PaymentAuthorized order_id,
        orders::PaymentDeclined order_id,
        orders::PaymentCaptured order_id,
        orders::PaymentVoided order_id,
        orders::LabelBought order_id,
        orders::ShipmentDispatched order_id,
        orders::ShipmentDelivered order_id,
        orders::ShipmentException order_id,
        orders::ShipmentReturned order_id,
        orders::OrderDispatched order_id,
        orders::OrderDelivered order_id,
        orders::OrderCompleted order_id,
        orders::OrderCancelled order_id,
        orders::OrderRefunded order_id,
        orders::OrderTaskOpened task_id,
        orders::OrderTaskEscalated task_id,
        orders::OrderTaskDecided task_id,
        claims::SubmitClaim claim_id,
        claims::DecideClaim claim_id,
        claims::WithdrawClaim claim_id,
        claims::AttachToClaim claim_id,
        claims::RecordCase claim_id,
        claims::RecordReply claim_id,
        claims::SetClaimSettings of_tenant,
        claims::SetGeneralSwitch of_tenant,
        claims::ClaimPrepared claim_id,
        claims::ProofWanted claim_id,
        claims::ProofUnwanted claim_id,
        claims::ClaimAmended claim_id,
        claims::ClaimReady claim_id,
        claims::ClaimApprovalWanted claim_id,
        claims::ClaimDecided claim_id,
        claims::ClaimQueued claim_id,
        claims::ClaimSubmissionAttempted claim_id,
        claims::ClaimSubmitted claim_id,
        claims::ClaimSubmitUnknown claim_id,
        claims::ClaimFailed claim_id,
        claims::ClaimAnswered claim_id,
        claims::ClaimWithdrawn claim_id,
        claims::ClaimExpired claim_id,
        claims::PayoutConfirmed claim_id,
        claims::PayoutReversed claim_id,
        claims::PayoutOverdue claim_id,
        claims::ClaimSealed claim_id,
        claims::FeeAccrued claim_id,
        claims::FeeCredited claim_id,
        claims::DocumentReceived connection_id,
        claims::ClaimMessageReceived claim_id,
        claims::FeeCharged claim_id,
        claims::FeeDeclined claim_id,
        claims::FeeRefunded claim_id,
        claims::FeeRefundDeclined claim_id,
        claims::ClaimSettingsSet of_tenant,
        claims::GeneralSwitchSet of_tenant,
        claims::ReturnClockStarted clock_id,
        claims::ReturnOverdue clock_id,
        notify::SendNotification notification_id,
        notify::MarkNotificationRead notification_id,
        notify::PutContact recipient,
        notify::RemoveContact recipient,
        notify::SetPreferences recipient,
        notify::SuppressAddress suppression_id,
        notify::LiftSuppression suppression_id,
        notify::PutTemplate template,
        notify::CreateWebhook webhook_id,
        notify::ChangeWebhook webhook_id,
        notify::RemoveWebhook webhook_id,
        notify::RotateWebhookSecret webhook_id,
        notify::PingWebhook webhook_id,
        notify::RedeliverWebhook webhook_id,
        notify::NotificationCreated notification_id,
        notify::NotificationSent notification_id,
        notify::NotificationNotSent notification_id,
        notify::NotificationRead notification_id,
        notify::ContactChanged recipient,
        notify::ContactRemoved recipient,
        notify::PreferencesSet recipient,
        notify::AddressSuppressed suppression_id,
        notify::SuppressionLifted suppression_id,
        notify::TemplateChanged template,
        notify::WebhookCreated webhook_id,
        notify::WebhookChanged webhook_id,
        notify::WebhookRemoved webhook_id,
        notify::WebhookSecretRotated webhook_id,
        notify::WebhookDisabled webhook_id,
    };
    let everywhere = Service::ALL.map(Topic::events).to_vec();
    let services = Service::ALL.map(Service::name).to_vec();
    entries.push(built::<CommandRejected>(
        COMMAND_REJECTED,
        everywhere,
        "(the command's)",
        services,
        vec!["bff (event stream)"],
    ));
    entries
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_declared_message_is_listed_with_its_key() {
        let sources = [
            include_str!("../../../shared-events/src/tracking/commands.rs"),
            include_str!("../../../shared-events/src/tracking/events.rs"),
            include_str!("../../../shared-events/src/commission.rs"),
            include_str!("../../../shared-events/src/evidence/commands.rs"),
            include_str!("../../../shared-events/src/evidence/events.rs"),
            include_str!("../../../shared-events/src/claims/charging.rs"),
            include_str!("../../../shared-events/src/claims/claiming.rs"),
            include_str!("../../../shared-events/src/claims/commands.rs"),
            include_str!("../../../shared-events/src/claims/events.rs"),
            include_str!("../../../shared-events/src/claims/returns.rs"),
            include_str!("../../../shared-events/src/claims/mail.rs"),
            include_str!("../../../shared-events/src/claims/sync.rs"),
            include_str!("../../../shared-events/src/orders/commands.rs"),
            include_str!("../../../shared-events/src/orders/events.rs"),
            include_str!("../../../shared-events/src/notify/commands.rs"),
            include_str!("../../../shared-events/src/notify/events.rs"),
        ];
        // Name, wire name and key, as the `messages!` lists declare them.
        let declared: BTreeSet<(String, String, String)> = sources
            .iter()
            .flat_map(|source| source.lines())
            .filter_map(|line| {
                let (name, rest) = line.trim().split_once(" \"")?;
                let (kind, key) = rest.strip_suffix(',')?.split_once("\" ")?;
                Some((name.to_owned(), kind.to_owned(), key.to_owned()))
            })
            .collect();
        let listed: BTreeSet<(String, String, String)> = entries()
            .iter()
            .filter(|entry| entry.kind != COMMAND_REJECTED)
            .map(|entry| (entry.name.clone(), entry.kind.to_owned(), entry.key.to_owned()))
            .collect();
        assert!(declared.len() > 40, "{declared:?}");
        assert_eq!(listed, declared);
    }

    #[test]
    fn every_command_has_one_handler_and_every_message_says_what_it_is_for() {
        for entry in entries() {
            assert!(!entry.doc.is_empty(), "{} has no words", entry.kind);
            if entry.topics[0].kind == Kind::Command {
                assert_eq!(entry.consumers, [entry.topics[0].service.name()], "{}", entry.kind);
            }
        }
    }
}
