//! `recoup token`: a JWT for a caller, for development and operations.

use chrono::TimeDelta;
use service_kit::auth::{Claims, Role, mint};
use service_kit::config::{AuthConfig, Env, load};
use shared_events::{PartnerId, Subject, TenantId};

use crate::cli;
use crate::output::{self, BadUsage, Exit};

/// Prints a JWT, signed with JWT_SECRET_KEY (HS256).
#[derive(clap::Args)]
pub struct Args {
    /// admin, manager, operator, seller, partner or customer; several with commas
    #[arg(long, required = true, value_delimiter = ',', value_parser = role)]
    role: Vec<Role>,
    /// Whom the token speaks for
    #[arg(long)]
    sub: String,
    /// The tenant
    #[arg(long)]
    tenant: String,
    /// The partner that the caller acts for, where it is not the subject itself
    #[arg(long)]
    partner: Option<String>,
    /// How long it is valid (90m, 24h, 7d); a negative time gives one that has expired
    #[arg(long, default_value = "24h", allow_hyphen_values = true, value_parser = cli::duration)]
    ttl: TimeDelta,
}

fn role(name: &str) -> Result<Role, String> {
    Role::from_name(name)
        .ok_or_else(|| format!("{name} is none of admin, manager, operator, seller, partner, customer"))
}

/// Runs the command.
pub fn run(args: &Args) -> anyhow::Result<Exit> {
    let config: AuthConfig = load(&Env::process())?;
    let bad = |option: &str| BadUsage(format!("--{option} must be 1 to 128 characters without control characters"));
    let sub = Subject::try_new(&args.sub).map_err(|_| bad("sub"))?.to_string();
    let tenant = TenantId::try_new(&args.tenant).map_err(|_| bad("tenant"))?.to_string();
    let partner = args.partner.as_ref().map(PartnerId::try_new).transpose().map_err(|_| bad("partner"))?;
    let claims = Claims { sub, tenant, roles: args.role.clone(), partner: partner.map(|partner| partner.to_string()) };
    output::line(mint(&config, &claims, args.ttl.num_seconds())?)?;
    Ok(Exit::Done)
}
