//! By which payment provider an order is paid: those that can, the healthy ones first, of those the cheapest.

/// A payment provider as the rules see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gateway {
    /// Its name: `stripe`.
    pub name: String,
    /// Currencies that it takes; empty = all.
    pub currencies: Vec<String>,
    /// Countries of delivery that it takes; empty = all.
    pub countries: Vec<String>,
    /// Payment methods that it takes; empty = all.
    pub methods: Vec<String>,
    /// What a payment costs, in basis points of its amount.
    pub cost_basis_points: i64,
    /// ... and in minor units.
    pub cost_fixed_minor: i64,
    /// Whether its last calls came back; an unhealthy one is tried last.
    pub is_healthy: bool,
}

/// What is to be paid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wish<'a> {
    /// In which currency.
    pub currency: &'a str,
    /// Where the goods go.
    pub country: &'a str,
    /// How the customer pays.
    pub method: &'a str,
    /// How much, in minor units.
    pub amount_minor: i64,
}

impl Gateway {
    fn takes(&self, wish: Wish<'_>) -> bool {
        let fits = |list: &[String], value: &str| list.is_empty() || list.iter().any(|entry| entry == value);
        fits(&self.currencies, wish.currency) && fits(&self.countries, wish.country) && fits(&self.methods, wish.method)
    }

    fn cost(&self, wish: Wish<'_>) -> i128 {
        i128::from(wish.amount_minor) * i128::from(self.cost_basis_points) + i128::from(self.cost_fixed_minor) * 10_000
    }
}

/// The providers to try, in order. Those in `refused` have definitely refused this order before and are not asked again.
pub fn route<'g>(gateways: &'g [Gateway], wish: Wish<'_>, refused: &[String]) -> Vec<&'g Gateway> {
    let mut able: Vec<&Gateway> =
        gateways.iter().filter(|gateway| gateway.takes(wish) && !refused.contains(&gateway.name)).collect();
    able.sort_by_key(|gateway| (!gateway.is_healthy, gateway.cost(wish), gateway.name.clone()));
    able
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gateway(name: &str, currencies: &[&str], cost_basis_points: i64, is_healthy: bool) -> Gateway {
        Gateway {
            name: name.into(),
            currencies: currencies.iter().map(|code| (*code).to_owned()).collect(),
            countries: vec![],
            methods: vec![],
            cost_basis_points,
            cost_fixed_minor: 30,
            is_healthy,
        }
    }

    #[test]
    fn able_then_healthy_then_cheap() {
        let all = [
            gateway("paypal", &[], 349, true),
            gateway("stripe", &["USD", "EUR"], 290, true),
            gateway("razorpay", &["INR"], 200, true),
            gateway("cheap", &["USD"], 1, false),
        ];
        let wish = Wish { currency: "USD", country: "US", method: "credit_card", amount_minor: 7_477 };
        let names = |wish, refused: &[&str]| -> Vec<String> {
            let refused: Vec<String> = refused.iter().map(|name| (*name).to_owned()).collect();
            route(&all, wish, &refused).into_iter().map(|gateway| gateway.name.clone()).collect()
        };
        assert_eq!(names(wish, &[]), ["stripe", "paypal", "cheap"]);
        assert_eq!(names(wish, &["stripe"]), ["paypal", "cheap"]);
        assert_eq!(names(Wish { currency: "INR", ..wish }, &[]), ["razorpay", "paypal"]);
    }
}
