//! What a key of a machine may do. A route that no scope names is for people alone: approvals, keys, the audit, going on without a step.

/// A scope: its name, and the routes that it opens, by method and pattern without `/api/v1` and slash at the end.
struct Scope {
    name: &'static str,
    routes: &'static [(&'static str, &'static str)],
}

const SCOPES: [Scope; 7] = [
    Scope {
        name: "orders:read",
        routes: &[
            ("GET", "/orders"),
            ("GET", "/orders/{id}"),
            ("GET", "/orders/{id}/payments"),
            ("GET", "/orders/{id}/problems"),
            ("GET", "/admin/orders"),
            ("GET", "/admin/orders/stats"),
            ("GET", "/api/order-workflow/orders"),
            ("GET", "/api/order-workflow/orders/{id}"),
            ("GET", "/api/order-workflow/orders/{id}/tracking"),
            ("GET", "/api/order-workflow/analytics/performance"),
            ("GET", "/shipments/{id}/label"),
        ],
    },
    Scope {
        name: "orders:write",
        routes: &[
            ("POST", "/orders"),
            ("PUT", "/orders/{id}"),
            ("DELETE", "/orders/{id}"),
            ("POST", "/orders/{id}/problems"),
            ("POST", "/api/order-workflow/orders"),
            ("PUT", "/carts/{id}"),
        ],
    },
    Scope {
        name: "orders:fulfil",
        routes: &[
            ("POST", "/api/order-workflow/orders/{id}/fulfill"),
            ("PUT", "/api/order-workflow/orders/{id}/status"),
            ("PUT", "/admin/orders/{id}/status"),
        ],
    },
    Scope {
        name: "orders:refund",
        routes: &[
            ("POST", "/api/order-workflow/orders/{id}/refund"),
            ("POST", "/api/order-workflow/orders/{id}/return"),
        ],
    },
    Scope {
        name: "stock:read",
        routes: &[("GET", "/api/order-workflow/analytics/inventory"), ("GET", "/stock/ledger")],
    },
    Scope { name: "stock:write", routes: &[("POST", "/stock")] },
    Scope {
        name: "catalogue:write",
        routes: &[("PUT", "/products/{id}"), ("PUT", "/warehouses/{id}"), ("PUT", "/customers/{id}")],
    },
];

/// What every key may ask: what it is, and how a command of its own ended.
const OPEN: [(&str, &str); 2] = [("GET", "/api-keys/self"), ("GET", "/commands/{id}")];

/// The names of all scopes.
pub fn names() -> impl Iterator<Item = &'static str> {
    SCOPES.iter().map(|scope| scope.name)
}

/// Whether one of these scopes opens a route, in whichever of its spellings.
pub fn open(scopes: &[String], method: &str, route: &str) -> bool {
    let trimmed = route.strip_prefix("/api/v1").unwrap_or(route).trim_end_matches('/');
    let mut opened =
        SCOPES.iter().filter(|scope| scopes.iter().any(|name| name == scope.name)).flat_map(|scope| scope.routes);
    OPEN.contains(&(method, trimmed)) || opened.any(|named| *named == (method, trimmed))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scope_opens_its_routes_in_every_spelling_and_no_others() {
        let reads = vec!["orders:read".to_owned()];
        for path in [
            "/orders",
            "/orders/",
            "/api/v1/orders/{id}",
            "/api/v1/orders/{id}/payments/",
            "/api/order-workflow/orders/",
        ] {
            assert!(open(&reads, "GET", path), "{path}");
            assert!(!open(&reads, "POST", path), "{path}");
        }
        assert!(open(&[], "GET", "/api/v1/api-keys/self") && !open(&[], "GET", "/orders"));
    }

    #[test]
    fn what_is_for_people_no_scope_opens() {
        let all: Vec<String> = names().map(str::to_owned).collect();
        for (method, path) in [
            ("POST", "/api/v1/api-keys"),
            ("GET", "/api/v1/api-keys"),
            ("POST", "/api/v1/approvals/{id}/decide"),
            ("GET", "/admin/orders/audit"),
            ("POST", "/orders/{id}/steps/{step}/skip"),
            ("PUT", "/api/v1/warehouses/{id}/operators"),
        ] {
            assert!(!open(&all, method, path), "{method} {path}");
        }
    }
}
