//! The Saleor shop, as it is configured.

use chrono::{DateTime, Utc};
use providers::saleor::Saleor;
use service_kit::config::{Reader, Secret, Var};
use shared_events::TenantId;

use crate::import_saleor::Shop;

const ENABLED: Var = Var::or(
    "ENABLE_SALEOR_INTEGRATION",
    "true",
    "whether a Saleor shop that is configured is read and told; false = left alone",
);
const ADDRESS: Var = Var::new(
    "SALEOR_API_URL",
    "GraphQL API of a Saleor shop, such as https://shop.example/graphql/; absent = no Saleor shop",
);
const TOKEN: Var = Var::new("SALEOR_APP_TOKEN", "token of our app in the shop, with the permission MANAGE_ORDERS");
const TENANT: Var = Var::new("SALEOR_TENANT", "the tenant whose shop it is");
const SINCE: Var = Var::new(
    "SALEOR_IMPORT_SINCE",
    "orders that changed since this time (2026-11-01T00:00:00Z) are taken in, too; absent = from the first start on",
);

/// What is read here.
pub fn vars() -> [Var; 5] {
    [ENABLED, ADDRESS, TOKEN, TENANT, SINCE]
}

/// The shop; nothing when none is configured, or it is switched off. Half of it is a mistake.
pub fn read(reader: &mut Reader<'_>) -> Option<Shop> {
    let enabled = reader.required::<bool>(&ENABLED)?;
    let (address, token) = (reader.optional::<String>(&ADDRESS), reader.optional::<Secret>(&TOKEN));
    let tenant = reader.optional::<String>(&TENANT);
    let since = reader.optional::<String>(&SINCE).and_then(|text| match DateTime::parse_from_rfc3339(&text) {
        Ok(time) => Some(time.with_timezone(&Utc)),
        Err(_) => {
            reader.complain(SINCE.name, "must be a time such as 2026-11-01T00:00:00Z");
            None
        }
    });
    let address = address?;
    let is_local = address.starts_with("http://127.0.0.1") || address.starts_with("http://localhost");
    if !address.starts_with("https://") && !is_local || address.contains('@') {
        reader.complain(ADDRESS.name, "must begin with https:// and hold no credentials");
    }
    for (var, is_there) in [(&TOKEN, token.is_some()), (&TENANT, tenant.is_some())] {
        if !is_there {
            reader.complain(var.name, format!("is missing, while {} is set", ADDRESS.name));
        }
    }
    let tenant =
        TenantId::try_new(tenant?).map_err(|_| reader.complain(TENANT.name, "must be a tenant's name")).ok()?;
    let client = Saleor::new(&address, token?);
    enabled.then_some(Shop { client, tenant, since })
}

#[cfg(test)]
mod tests {
    use service_kit::config::Env;

    use super::*;

    fn read_from(vars: &[(&'static str, &'static str)]) -> (bool, Vec<String>) {
        let env = Env::of(vars.iter().copied());
        let mut reader = Reader::new(&env);
        let shop = read(&mut reader);
        let problems = reader.finish(Some(())).err().map(|error| error.problems).unwrap_or_default();
        (shop.is_some(), problems.into_iter().map(|(name, _)| name).collect())
    }

    #[test]
    fn a_shop_exists_when_it_is_whole_and_switched_on() {
        let whole =
            [("SALEOR_API_URL", "https://shop.example/graphql/"), ("SALEOR_APP_TOKEN", "t"), ("SALEOR_TENANT", "demo")];
        assert_eq!(read_from(&[]), (false, vec![]));
        assert_eq!(read_from(&whole), (true, vec![]));
        assert_eq!(read_from(&[whole[0], whole[1], whole[2], ("ENABLE_SALEOR_INTEGRATION", "false")]), (false, vec![]));
        assert_eq!(read_from(&whole[..2]), (false, vec!["SALEOR_TENANT".to_owned()]));
        let (_, problems) = read_from(&[("SALEOR_API_URL", "http://shop.example/"), whole[1], whole[2]]);
        assert_eq!(problems, ["SALEOR_API_URL"]);
    }
}
