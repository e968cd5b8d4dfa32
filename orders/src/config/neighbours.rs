//! The services around, as they are configured.

use std::time::Duration;

use service_kit::config::{Reader, Var};

const USER_SERVICE: Var =
    Var::new("USER_SERVICE_URL", "user service: /users/{id} of who orders, /user/health; absent = our own table");
const CART_SERVICE: Var =
    Var::new("CART_SERVICE_URL", "cart service: /cart/{id} of what is ordered, /health; absent = our own table");
const PRODUCT_SERVICE: Var =
    Var::new("PRODUCT_SERVICE_URL", "product service: /products/{id} with the prices, /health; absent = our own table");
const SEARCH_SERVICE: Var =
    Var::new("SEARCH_SERVICE_URL", "search service whose /health the health pages look at; absent = not configured");
const PRICING_SERVICE: Var = Var::new(
    "PRICING_SERVICE_URL",
    "pricing service: /prices/{id}?quantity=N, asked where ENABLE_DYNAMIC_PRICING is on; absent = our own table",
);
const USER_TIMEOUT: Var = Var::or("USER_SERVICE_TIMEOUT_SECONDS", "15", "how long the user service may take to answer");
const CART_TIMEOUT: Var = Var::or("CART_SERVICE_TIMEOUT_SECONDS", "10", "how long the cart service may take to answer");
const PRODUCT_TIMEOUT: Var =
    Var::or("PRODUCT_SERVICE_TIMEOUT_SECONDS", "10", "how long the product service may take to answer");
const SEARCH_TIMEOUT: Var =
    Var::or("SEARCH_SERVICE_TIMEOUT_SECONDS", "15", "how long the search service may take to answer");
const PRICING_TIMEOUT: Var =
    Var::or("PRICING_SERVICE_TIMEOUT_SECONDS", "10", "how long the pricing service may take to answer");

/// A service around.
#[derive(Debug, Clone)]
pub struct Neighbour {
    /// Its key in reports: `user_service`, ...
    pub key: &'static str,
    /// Its address.
    pub base: String,
    /// Its health page.
    pub health: String,
    /// How long it may take to answer.
    pub timeout: Duration,
}

/// What is read here.
pub fn vars() -> [Var; 10] {
    [
        USER_SERVICE,
        CART_SERVICE,
        PRODUCT_SERVICE,
        SEARCH_SERVICE,
        PRICING_SERVICE,
        USER_TIMEOUT,
        CART_TIMEOUT,
        PRODUCT_TIMEOUT,
        SEARCH_TIMEOUT,
        PRICING_TIMEOUT,
    ]
}

/// The services around that are named.
pub fn read(reader: &mut Reader<'_>) -> Vec<Neighbour> {
    let known = [
        ("user_service", USER_SERVICE, USER_TIMEOUT, "/user/health"),
        ("cart_service", CART_SERVICE, CART_TIMEOUT, "/health"),
        ("product_service", PRODUCT_SERVICE, PRODUCT_TIMEOUT, "/health"),
        ("search_service", SEARCH_SERVICE, SEARCH_TIMEOUT, "/health"),
        ("pricing_service", PRICING_SERVICE, PRICING_TIMEOUT, "/health"),
    ];
    let mut found = Vec::new();
    for (key, var, patience, path) in known {
        let timeout = Duration::from_secs(reader.required(&patience).unwrap_or(10).clamp(1, 60));
        let Some(base) = reader.optional::<String>(&var) else { continue };
        // The pages show the address, so it must hold no credentials.
        if !base.starts_with("http://") && !base.starts_with("https://") || base.contains('@') {
            reader.complain(var.name, "must begin with http:// or https:// and hold no credentials");
        }
        let base = base.trim_end_matches('/').to_owned();
        found.push(Neighbour { key, health: format!("{base}{path}"), base, timeout });
    }
    found
}
