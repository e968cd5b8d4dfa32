//! The variables that every service has under its own name.

use shared_events::Service;

use super::env::Var;

/// What a service has a variable of its own for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Own {
    /// `CLAIMS_PORT`.
    Port,
    /// `CLAIMS_PULSAR_TOKEN_FILE`.
    TokenFile,
    /// `CLAIMS_DATABASE_URL`.
    Database,
    /// `CLAIMS_ADMIN_DATABASE_URL`.
    AdminDatabase,
    /// `CLAIMS_DB_PASSWORD`.
    Password,
    /// `CLAIMS_URL`.
    Address,
}

macro_rules! variables {
    ($wanted:expr, $upper:literal, $lower:literal, $port:literal) => {
        match $wanted {
            Own::Port => Var::or(concat!($upper, "_PORT"), $port, concat!("port of the ", $lower, " service")),
            Own::TokenFile => Var::new(concat!($upper, "_PULSAR_TOKEN_FILE"), concat!($lower, "'s own token file")),
            Own::Database => {
                Var::new(concat!($upper, "_DATABASE_URL"), concat!($lower, "'s database, as its own role"))
            }
            Own::AdminDatabase => Var::new(
                concat!($upper, "_ADMIN_DATABASE_URL"),
                concat!("owner of ", $lower, "'s database server; used by migrate and replay only"),
            ),
            Own::Password => {
                Var::new(concat!($upper, "_DB_PASSWORD"), concat!("password that migrate gives to ", $lower, "_user"))
            }
            Own::Address => Var::new(
                concat!($upper, "_URL"),
                concat!("where the BFF finds ", $lower, "; absent = this machine, ", $upper, "_PORT"),
            ),
        }
    };
}

/// The variable of `service` for this.
pub(super) const fn variable(service: Service, own: Own) -> Var {
    match service {
        Service::Tracking => variables!(own, "TRACKING", "tracking", "8000"),
        Service::Commission => variables!(own, "COMMISSION", "commission", "8001"),
        Service::Evidence => variables!(own, "EVIDENCE", "evidence", "8003"),
        Service::Claims => variables!(own, "CLAIMS", "claims", "8004"),
        Service::Orders => variables!(own, "ORDERS", "orders", "8005"),
        Service::Notify => variables!(own, "NOTIFY", "notify", "8006"),
    }
}

/// The variable that names where the BFF finds `service`.
pub const fn address_var(service: Service) -> Var {
    variable(service, Own::Address)
}
