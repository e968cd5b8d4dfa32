//! What services that use Stripe read from the environment.

use service_kit::config::{Reader, Secret, Var};

use super::Stripe;

const KEY: Var = Var::new("STRIPE_SECRET_KEY", "Stripe's secret key; absent = nothing is paid by Stripe");
const ADDRESS: Var = Var::or("STRIPE_API_URL", "https://api.stripe.com", "where Stripe's API is, or a stand-in for it");

impl Stripe {
    /// What [`Stripe::read`] reads.
    pub fn vars() -> Vec<Var> {
        vec![KEY, ADDRESS]
    }

    /// Reads it; none when there is no key.
    pub fn read(reader: &mut Reader<'_>) -> Option<Self> {
        // Compose passes on what is not set as nothing.
        let key = reader.optional::<String>(&KEY).filter(|key| !key.is_empty())?;
        let address = reader.required::<String>(&ADDRESS)?;
        if !address.starts_with("http://") && !address.starts_with("https://") {
            reader.complain(ADDRESS.name, "must begin with http:// or https://");
        }
        Some(Self::new(&address, Secret::new(key)))
    }
}
