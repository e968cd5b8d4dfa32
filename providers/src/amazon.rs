//! Amazon's Selling Partner API: signing in, and the operations that claims need, as Amazon publishes them.
//!
//! [`SellingPartner`] is the application, made once per process; a [`Session`] is one seller's connection and cheap to make and to
//! clone. A session signs in when it has to, keeps to the rate of each operation, repeats what may be repeated until its
//! [`Patience`] is over, and says with [`Error`] what a caller can do about the rest. Amounts are kept digit by digit, times and
//! words as they were written; fields that are not known yet are passed over.
//!
//! ```no_run
//! # async fn example(refresh_token: service_kit::config::Secret) -> Result<(), providers::amazon::Error> {
//! # use std::sync::Arc;
//! # use providers::amazon::{Application, CreateReport, Endpoints, Region, SellingPartner};
//! # use service_kit::{clock::SystemClock, config::Secret};
//! let application = Application { id: "amzn1.sp.solution.1".into(), client_id: "c".into(), client_secret: Secret::new("s") };
//! let partner = SellingPartner::new(Endpoints::amazon(), application, Arc::new(SystemClock));
//! let session = partner.session(Region::Na, "A1SELLER", refresh_token);
//! let report = CreateReport::new("GET_LEDGER_DETAIL_VIEW_DATA", ["ATVPDKIKX0DER"]);
//! let id = session.create_report(&report).await?;
//! let report = session.get_report(&id).await?;
//! if let Some(document) = report.report_document_id {
//!     let mut file = session.download(&document).await?;
//!     while let Some(piece) = file.piece().await? {
//!         println!("{} bytes", piece.len());
//!     }
//! }
//! # Ok(())
//! # }
//! ```

mod access;
mod amount;
mod bucket;
mod call;
mod document;
mod document_read;
mod endpoints;
mod error;
mod fees;
mod finances;
pub mod finances_v0;
mod finances_v0_orders;
mod finances_v0_services;
mod finances_v0_stock;
mod inbound;
mod inventory;
mod login;
mod open_enum;
mod operation;
mod orders;
mod patience;
mod report_document;
mod reports;
mod sellers;
mod session;
mod shipping;
mod unzip;

pub use amount::{Amount, Digits, Timestamp};
pub use document::Download;
pub use document_read::DocumentRead;
pub use endpoints::{Endpoints, Region};
pub use error::{ApiError, Error, Refusal};
pub use fees::{
    FeeDetail, FeesEstimate, FeesEstimateError, FeesEstimateIdentifier, FeesEstimateRequest, FeesEstimateResult,
    IncludedFeeDetail, Points, PriceToEstimateFees,
};
pub use finances::{
    Breakdown, Context, Item, ItemRelatedIdentifier, ListTransactions, MarketplaceDetails, RelatedIdentifier,
    SellingPartnerMetadata, Transaction, Transactions,
};
pub use finances_v0::{FinancialEventsPage, ListFinancialEvents};
pub use inbound::{
    BoxContentsFee, GetShipmentItems, GetShipments, InboundAddress, InboundShipment, InboundShipmentItem, PrepDetails,
    QueryType, ShipmentItems, ShipmentStatus, Shipments,
};
pub use inventory::{
    GetInventorySummaries, Granularity, InventoryDetails, InventoryPage, InventoryPages, InventorySummary,
    ResearchingQuantity, ResearchingQuantityEntry, ReservedQuantity, UnfulfillableQuantity,
};
pub use login::{Application, Grant};
pub use operation::Operation;
pub use orders::{AutomatedShippingSettings, GetOrders, Order, Orders, PaymentExecutionDetail};
pub use patience::Patience;
pub use report_document::Document;
pub use reports::{CreateReport, GetReports, ProcessingStatus, Report, ReportPage};
pub use sellers::{Marketplace, MarketplaceParticipation, Participation};
pub use session::{SellingPartner, Session};
pub use shipping::{ClaimReason, CreateClaim, DeclaredValue, SettlementType};
