//! A request for an operation, taken apart.

use std::collections::BTreeMap;

use axum::http::request::Parts;
use axum::http::{Method, header};
use chrono::{DateTime, NaiveDate, NaiveTime, Utc};
use serde_json::Value;

/// What is asked.
#[derive(Debug, Clone)]
pub(super) struct Ask {
    pub(super) operation: &'static str,
    /// Parameters of path and query by their published names.
    pub(super) parameters: BTreeMap<String, String>,
    pub(super) body: Value,
    /// Which of the world's regions.
    pub(super) region: usize,
    /// How the sandbox was addressed, to make links.
    pub(super) host: String,
    pub(super) access_token: Option<String>,
}

/// Operations by method and path; a part in braces is a parameter.
const PATHS: &[(Method, &str, &str)] = &[
    (Method::POST, "/reports/2021-06-30/reports", "createReport"),
    (Method::GET, "/reports/2021-06-30/reports", "getReports"),
    (Method::GET, "/reports/2021-06-30/reports/{reportId}", "getReport"),
    (Method::GET, "/reports/2021-06-30/documents/{reportDocumentId}", "getReportDocument"),
    (Method::GET, "/finances/v0/financialEvents", "listFinancialEvents"),
    (Method::GET, "/finances/2024-06-19/transactions", "listTransactions"),
    (Method::GET, "/fba/inbound/v0/shipments", "getShipments"),
    (Method::GET, "/fba/inbound/v0/shipmentItems", "getShipmentItems"),
    (Method::GET, "/fba/inventory/v1/summaries", "getInventorySummaries"),
    (Method::GET, "/orders/v0/orders", "getOrders"),
    (Method::GET, "/orders/v0/orders/{orderId}", "getOrder"),
    (Method::POST, "/products/fees/v0/listings/{SellerSKU}/feesEstimate", "getMyFeesEstimateForSKU"),
    (Method::GET, "/sellers/v1/marketplaceParticipations", "getMarketplaceParticipations"),
    (Method::POST, "/shipping/v2/claims", "createClaim"),
];

/// Marketplaces that the first region serves; all others are the second's.
const AMERICA: [&str; 4] = ["ATVPDKIKX0DER", "A2EUQ1WTGCTBG2", "A1AM78C64UM0Y8", "A2Q3Y263D00KWC"];

impl Ask {
    /// Takes a request apart; none when it is no operation.
    pub(super) fn of(parts: &Parts, body: &[u8]) -> Option<Self> {
        let whole = parts.uri.path();
        let prefix = ["/na/", "/eu/", "/fe/"].into_iter().find(|prefix| whole.starts_with(prefix));
        let path = prefix.map_or(whole, |prefix| &whole[prefix.len() - 1..]);
        let mut parameters: BTreeMap<String, String> = parsed(parts.uri.query().unwrap_or_default());
        let matching = PATHS.iter().filter(|(method, ..)| *method == parts.method);
        let operation = matching.into_iter().find_map(|(_, pattern, operation)| {
            let found = matched(pattern, path)?;
            parameters.extend(found);
            Some(*operation)
        })?;
        let body: Value = serde_json::from_slice(body).unwrap_or_default();
        let text = |name: &str| parts.headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
        let region = match prefix {
            Some("/eu/") => 1,
            Some(_) => 0,
            None => usize::from(names_europe(&parameters, &body)),
        };
        let host = text(header::HOST.as_str()).unwrap_or_else(|| "127.0.0.1".to_owned());
        Some(Self { operation, parameters, body, region, host, access_token: text("x-amz-access-token") })
    }

    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.parameters.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    pub(super) fn list(&self, name: &str) -> Vec<&str> {
        self.get(name).map(|list| list.split(',').collect()).unwrap_or_default()
    }

    /// A moment, also as a date alone.
    pub(super) fn moment(&self, name: &str) -> Option<DateTime<Utc>> {
        moment(self.get(name)?)
    }
}

/// Reads a moment or a date.
pub(super) fn moment(text: &str) -> Option<DateTime<Utc>> {
    let moment = DateTime::parse_from_rfc3339(text).ok().map(|moment| moment.to_utc());
    moment.or_else(|| Some(text.parse::<NaiveDate>().ok()?.and_time(NaiveTime::MIN).and_utc()))
}

fn names_europe(parameters: &BTreeMap<String, String>, body: &Value) -> bool {
    let named = ["marketplaceIds", "MarketplaceIds", "MarketplaceId", "marketplaceId", "granularityId"]
        .into_iter()
        .find_map(|name| parameters.get(name).map(String::as_str));
    let in_body = || body["marketplaceIds"][0].as_str().or(body["FeesEstimateRequest"]["MarketplaceId"].as_str());
    let first = named.and_then(|list| list.split(',').next()).or_else(in_body);
    first.is_some_and(|id| !AMERICA.contains(&id))
}

/// Pairs of a query or a form.
pub(super) fn parsed(text: &str) -> BTreeMap<String, String> {
    url::form_urlencoded::parse(text.as_bytes()).into_owned().collect()
}

/// The parameters of a path, if it fits.
fn matched(pattern: &str, path: &str) -> Option<Vec<(String, String)>> {
    let (mut wanted, mut given) = (pattern.split('/'), path.split('/'));
    let mut found = Vec::new();
    loop {
        match (wanted.next(), given.next()) {
            (None, None) => return Some(found),
            (Some(wanted), Some(given)) if wanted.starts_with('{') => {
                // One pair without a sign of equality, and a plus stays one.
                let decoded = parsed(&given.replace('+', "%2B")).into_keys().next()?;
                found.push((wanted.trim_matches(['{', '}']).to_owned(), decoded));
            }
            (Some(wanted), Some(given)) if wanted == given => {}
            _ => return None,
        }
    }
}
