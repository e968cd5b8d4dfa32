//! The operations, and how often Amazon lets each be asked by default.

use std::fmt;
use std::time::Duration;

/// An operation by its published name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Operation {
    /// Login with Amazon: a token.
    Token,
    /// Reports 2021-06-30.
    CreateReport,
    /// Reports 2021-06-30.
    GetReport,
    /// Reports 2021-06-30.
    GetReports,
    /// Reports 2021-06-30.
    GetReportDocument,
    /// The file behind a report's link.
    Document,
    /// Finances v0.
    ListFinancialEvents,
    /// Finances 2024-06-19.
    ListTransactions,
    /// Fulfillment Inbound v0.
    GetShipments,
    /// Fulfillment Inbound v0.
    GetShipmentItems,
    /// FBA Inventory v1.
    GetInventorySummaries,
    /// Orders v0.
    GetOrders,
    /// Orders v0.
    GetOrder,
    /// Product Fees v0.
    GetMyFeesEstimateForSku,
    /// Sellers v1.
    GetMarketplaceParticipations,
    /// Shipping v2: the one API there is for claims.
    CreateClaim,
}

impl Operation {
    /// As Amazon writes it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Token => "token",
            Self::CreateReport => "createReport",
            Self::GetReport => "getReport",
            Self::GetReports => "getReports",
            Self::GetReportDocument => "getReportDocument",
            Self::Document => "document",
            Self::ListFinancialEvents => "listFinancialEvents",
            Self::ListTransactions => "listTransactions",
            Self::GetShipments => "getShipments",
            Self::GetShipmentItems => "getShipmentItems",
            Self::GetInventorySummaries => "getInventorySummaries",
            Self::GetOrders => "getOrders",
            Self::GetOrder => "getOrder",
            Self::GetMyFeesEstimateForSku => "getMyFeesEstimateForSKU",
            Self::GetMarketplaceParticipations => "getMarketplaceParticipations",
            Self::CreateClaim => "createClaim",
        }
    }

    /// The time after which one more request is allowed, and how many are at once; as published in August 2026. Amazon may grant
    /// a seller more, and says so with its answers.
    pub(crate) fn rate(self) -> (Duration, u32) {
        let (tenths_of_milliseconds, burst) = match self {
            // No limit is published; this only keeps a mistake of ours from becoming a storm.
            Self::Token | Self::Document => (500, 50),
            Self::CreateReport | Self::GetReportDocument => (598_802, 15),
            Self::GetReport => (5_000, 15),
            Self::GetReports => (450_450, 10),
            Self::ListFinancialEvents => (20_000, 30),
            Self::ListTransactions => (20_000, 10),
            Self::GetShipments | Self::GetShipmentItems => (5_000, 30),
            Self::GetInventorySummaries => (5_000, 2),
            Self::GetOrders => (598_802, 20),
            Self::GetOrder => (20_000, 30),
            Self::GetMyFeesEstimateForSku => (10_000, 2),
            Self::GetMarketplaceParticipations => (625_000, 15),
            Self::CreateClaim => (125, 100),
        };
        (Duration::from_micros(tenths_of_milliseconds * 100), burst)
    }

    /// Whether asking twice does no harm. A second report costs a little of the quota; a second claim is a second claim.
    pub(crate) fn may_be_repeated(self) -> bool {
        self != Self::CreateClaim
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
