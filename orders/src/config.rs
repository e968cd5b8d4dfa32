//! What orders reads from the environment, beyond what every service reads.

mod neighbours;
mod saleor;

use std::sync::Arc;

use providers::easypost::EasyPost;
use providers::files::Files;
use service_kit::config::{FromEnv, Reader, Secret, Var};
use service_kit::redis::{REDIS_URL, Redis};
use service_kit::sealed::{ACCOUNT_DETAILS_KEY, SealingKey};
use shared_events::{Currency, Money};

use crate::domain::fraud::Thresholds;
use crate::domain::route::Router;
use crate::gateways::{BySaleor, Gateways, saleor_terms};
use crate::import_saleor::Shop;
use crate::payments::Providers;

pub use neighbours::Neighbour;

const HIGH_VALUE: Var =
    Var::or("HIGH_VALUE_THRESHOLD", "1000.00", "orders of this amount or more need another person's approval");
const FRAUD_HOLD: Var = Var::or("FRAUD_SCORE_THRESHOLD", "75.0", "fraud score (0-100) from which on an order is held");
const FRAUD_REVIEW: Var =
    Var::or("FRAUD_REVIEW_THRESHOLD", "65.0", "fraud score (0-100) from which on a person reviews an order");
const FRAUD_DETECTION: Var = Var::or("ENABLE_FRAUD_DETECTION", "true", "whether orders are scored");
const QUALITY_CONTROL: Var =
    Var::or("ENABLE_QUALITY_CONTROL", "true", "whether shipments are compared with the order before they leave");
const MULTI_WAREHOUSE: Var =
    Var::or("ENABLE_MULTI_WAREHOUSE", "true", "whether one order may be sent from several warehouses");
const DYNAMIC_PRICING: Var = Var::or(
    "ENABLE_DYNAMIC_PRICING",
    "false",
    "whether prices follow rules (a pricing service's, else the tenant's own table); false = the catalogue's prices count",
);
const ROUTE_OPTIMIZATION: Var = Var::or(
    "ENABLE_ROUTE_OPTIMIZATION",
    "false",
    "whether the shipments of an order leave cheapest first, then nearest; false = by the warehouses' names",
);
const AUTO_REORDER: Var = Var::or(
    "ENABLE_AUTO_REORDER",
    "false",
    "whether stock that falls to its reorder point is written down to be ordered",
);

const EASYPOST_KEY: Var =
    Var::new("EASYPOST_API_KEY", "EasyPost's key; absent = the built-in rate tables choose, and people buy labels");
const EASYPOST_URL: Var =
    Var::or("EASYPOST_API_URL", "https://api.easypost.com", "where EasyPost's API is, or a stand-in for it");
const EASYPOST_WEBHOOK: Var =
    Var::new("EASYPOST_WEBHOOK_SECRET", "what EasyPost signs its calls with; absent = parcels are only asked about");

/// How parcels are sent through EasyPost.
#[derive(Debug, Clone)]
pub struct EasyPostConfig {
    /// Its address.
    pub base: String,
    /// Our key.
    pub key: Secret,
    /// What its calls are signed with.
    pub webhook_secret: Option<Secret>,
    /// Where labels are kept.
    pub files: Files,
}

/// What orders reads from the environment.
#[derive(Debug, Clone)]
pub struct Config {
    /// Seals and opens addresses and payment tokens.
    pub key: SealingKey,
    /// From this amount on (in hundredths, of whichever currency) another person has to approve.
    pub high_value_minor: i64,
    /// Where the fraud bands begin.
    pub thresholds: Thresholds,
    /// Whether orders are scored.
    pub scores_fraud: bool,
    /// Whether shipments are compared with the order.
    pub checks_quality: bool,
    /// Whether one order may be sent from several warehouses.
    pub splits: bool,
    /// Whether prices follow rules.
    pub prices_dynamically: bool,
    /// In which order the shipments of an order leave.
    pub router: Router,
    /// Whether what runs low is written down to be ordered.
    pub reorders: bool,
    /// By whom orders are paid.
    pub gateways: Gateways,
    /// EasyPost, where parcels are sent through it.
    pub easypost: Option<EasyPostConfig>,
    /// The services around.
    pub neighbours: Vec<Neighbour>,
    /// The Saleor shop whose orders are taken in.
    pub saleor: Option<Shop>,
    /// What instances share the answers of those services through.
    pub redis: Option<Redis>,
}

/// What the steps need.
#[derive(Clone)]
pub struct Parts {
    /// From the environment.
    pub config: Arc<Config>,
    /// Who can be paid by.
    pub providers: Providers,
    /// Who sells labels.
    pub post: Option<Post>,
}

/// Who sells labels, and where they are kept.
#[derive(Debug, Clone)]
pub struct Post {
    /// EasyPost.
    pub client: EasyPost,
    /// The object store.
    pub files: Files,
}

impl Parts {
    /// Everything that the configuration names.
    pub fn of(config: Arc<Config>) -> Self {
        let providers = config.gateways.providers();
        let providers = match &config.saleor {
            Some(shop) => {
                let gateway = BySaleor { client: shop.client.clone(), key: config.key.clone() };
                providers.with(saleor_terms(), Arc::new(gateway))
            }
            None => providers,
        };
        let post = config.easypost.as_ref().map(|easypost| Post {
            client: EasyPost::new(&easypost.base, easypost.key.clone()),
            files: easypost.files.clone(),
        });
        Self { config, providers, post }
    }
}

impl FromEnv for Config {
    fn vars() -> Vec<Var> {
        let mut vars = vec![
            ACCOUNT_DETAILS_KEY,
            HIGH_VALUE,
            FRAUD_HOLD,
            FRAUD_REVIEW,
            FRAUD_DETECTION,
            QUALITY_CONTROL,
            MULTI_WAREHOUSE,
            DYNAMIC_PRICING,
            ROUTE_OPTIMIZATION,
            AUTO_REORDER,
            EASYPOST_KEY,
            EASYPOST_URL,
            EASYPOST_WEBHOOK,
            REDIS_URL,
        ];
        vars.extend(Gateways::vars());
        vars.extend(saleor::vars());
        vars.extend(neighbours::vars());
        vars
    }

    fn read(reader: &mut Reader<'_>) -> Option<Self> {
        let key = reader.required(&ACCOUNT_DETAILS_KEY);
        let high_value = reader.required::<String>(&HIGH_VALUE);
        let high_value_minor = high_value.and_then(|text| match Money::parse(&text, Currency::USD) {
            Ok(money) if money.minor >= 0 => Some(money.minor),
            _ => {
                reader.complain(HIGH_VALUE.name, "must be an amount such as 1000.00");
                None
            }
        });
        let hold = score(reader, &FRAUD_HOLD);
        let review = score(reader, &FRAUD_REVIEW);
        let scores_fraud = reader.required(&FRAUD_DETECTION);
        let checks_quality = reader.required(&QUALITY_CONTROL);
        let splits = reader.required(&MULTI_WAREHOUSE);
        let prices_dynamically = reader.required(&DYNAMIC_PRICING);
        let optimises = reader.required::<bool>(&ROUTE_OPTIMIZATION);
        let reorders = reader.required(&AUTO_REORDER);
        let gateways = Gateways::read(reader);
        let neighbours = neighbours::read(reader);
        let easypost = easypost(reader);
        let redis = Redis::read(reader);
        let saleor = saleor::read(reader);
        Some(Self {
            key: key?,
            high_value_minor: high_value_minor?,
            thresholds: Thresholds { review: review?, hold: hold? },
            scores_fraud: scores_fraud?,
            checks_quality: checks_quality?,
            splits: splits?,
            prices_dynamically: prices_dynamically?,
            router: if optimises? { Router::CheapestThenNearest } else { Router::ByName },
            reorders: reorders?,
            gateways,
            easypost: easypost?,
            neighbours,
            saleor,
            redis,
        })
    }
}

/// EasyPost with all that it needs; nothing of it is asked for without its key.
fn easypost(reader: &mut Reader<'_>) -> Option<Option<EasyPostConfig>> {
    let (key, base) = (reader.optional::<Secret>(&EASYPOST_KEY), reader.required::<String>(&EASYPOST_URL)?);
    let webhook_secret = reader.optional::<Secret>(&EASYPOST_WEBHOOK);
    let Some(key) = key else { return Some(None) };
    let files = <Files as FromEnv>::read(reader)?;
    Some(Some(EasyPostConfig { base, key, webhook_secret, files }))
}

/// A score as the seed writes it, `75.0`. Scores are whole numbers, so the threshold is the next one up.
fn score(reader: &mut Reader<'_>, var: &Var) -> Option<i64> {
    let text: String = reader.required(var)?;
    // Hundredths are enough: read as an amount, it is exact.
    match Money::parse(&text, Currency::USD) {
        Ok(points) if (0..=10_100).contains(&points.minor) => Some((points.minor + 99) / 100),
        _ => {
            reader.complain(var.name, "must be a number from 0 to 101 with at most two decimals");
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use service_kit::config::{Env, load};

    use super::*;

    const KEY: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

    #[test]
    fn the_seeds_spelling_is_read_exactly() {
        let config = load::<Config>(&Env::of([("ACCOUNT_DETAILS_KEY", KEY)])).expect("defaults suffice");
        assert_eq!((config.high_value_minor, config.thresholds), (100_000, Thresholds { review: 65, hold: 75 }));
        let env =
            Env::of([("ACCOUNT_DETAILS_KEY", KEY), ("FRAUD_SCORE_THRESHOLD", "80.5"), ("HIGH_VALUE_THRESHOLD", "250")]);
        let config = load::<Config>(&env).expect("fits");
        assert_eq!((config.high_value_minor, config.thresholds.hold), (25_000, 81));
        let env =
            Env::of([("ACCOUNT_DETAILS_KEY", KEY), ("FRAUD_SCORE_THRESHOLD", "high"), ("HIGH_VALUE_THRESHOLD", "-1")]);
        let problems = load::<Config>(&env).expect_err("two are bad").problems;
        assert_eq!(
            problems.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(),
            ["HIGH_VALUE_THRESHOLD", "FRAUD_SCORE_THRESHOLD"]
        );
    }
}
