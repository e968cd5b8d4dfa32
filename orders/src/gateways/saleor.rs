//! A Saleor shop as who took the money of its orders: they come here when they are paid in full there.
//!
//! A token names an order of the shop and is signed by us, so that nobody can pay an order of ours with one of the shop's. Nothing is taken and
//! nothing is paid back here: what the shop took, the shop pays back, by its own payment app.

use futures::future::BoxFuture;
use providers::saleor::{Error, Order, Saleor};
use service_kit::sealed::SealingKey;

use crate::domain::routing::Terms;
use crate::import_saleor::SALEOR;
use crate::payments::{Amend, Answer, Authorize, Found, Gateway, Lookup, Purpose};

/// The shop as who took the money.
pub struct BySaleor {
    /// Its API.
    pub client: Saleor,
    /// What tokens are signed with.
    pub key: SealingKey,
}

/// It takes what is paid in it, in parts too, and costs nothing more.
pub fn terms() -> Terms {
    Terms {
        name: SALEOR.into(),
        currencies: vec![],
        countries: vec![],
        methods: vec![SALEOR.into()],
        cost_basis_points: 0,
        cost_fixed_minor: 0,
        takes_parts: true,
    }
}

/// The token by which an order of the shop is paid.
pub fn token(key: &SealingKey, saleor_id: &str) -> String {
    format!("{SALEOR}:{}:{saleor_id}", key.digest(format!("saleor payment\u{1f}{saleor_id}").as_bytes()))
}

impl BySaleor {
    fn order_of<'a>(&self, token: &'a str) -> Option<&'a str> {
        let id = token.strip_prefix("saleor:")?.split_once(':')?.1;
        (self::token(&self.key, id) == token).then_some(id)
    }

    async fn look(&self, id: &str, judge: impl Fn(&Order) -> Result<(), &'static str>) -> Answer {
        match self.client.order(id).await {
            Ok(Some(order)) => match judge(&order) {
                Ok(()) => Answer::Done(order.id),
                Err(code) => Answer::Refused(code.into()),
            },
            Ok(None) => Answer::Refused("no_such_order".into()),
            Err(Error::Refused { code, .. }) if code == "NOT_FOUND" => Answer::Refused("no_such_order".into()),
            Err(error) => Answer::Unknown(error.to_string()),
        }
    }
}

fn is_paid(order: &Order) -> Result<(), &'static str> {
    match (order.is_cancelled(), order.is_paid()) {
        (true, _) => Err("cancelled_in_the_shop"),
        (false, false) => Err("not_paid_in_the_shop"),
        (false, true) => Ok(()),
    }
}

impl Gateway for BySaleor {
    fn recognises(&self, token: &str) -> bool {
        self.order_of(token).is_some()
    }

    fn authorize<'a>(&'a self, wish: Authorize<'a>) -> BoxFuture<'a, Answer> {
        Box::pin(async move {
            let Some(id) = self.order_of(wish.token) else { return Answer::Refused("foreign_token".into()) };
            let judge = |order: &Order| match is_paid(order) {
                Ok(()) if order.total.gross.money() != Some(wish.amount) => Err("amount_mismatch"),
                judged => judged,
            };
            self.look(id, judge).await
        })
    }

    fn capture<'a>(&'a self, wish: Amend<'a>) -> BoxFuture<'a, Answer> {
        Box::pin(self.look(wish.reference, is_paid))
    }

    fn void<'a>(&'a self, wish: Amend<'a>) -> BoxFuture<'a, Answer> {
        Box::pin(async move { Answer::Done(wish.reference.to_owned()) })
    }

    fn refund<'a>(&'a self, _: Amend<'a>) -> BoxFuture<'a, Answer> {
        Box::pin(async { Answer::Refused("refund_in_the_shop".into()) })
    }

    fn lookup<'a>(&'a self, call: Lookup<'a>) -> BoxFuture<'a, Found> {
        Box::pin(async move {
            match call.purpose {
                // All of them only look; they may be made again.
                Purpose::Authorize | Purpose::Renew | Purpose::Capture | Purpose::Void => Found::Nothing,
                Purpose::Refund => Found::Refused("refund_in_the_shop".into()),
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use service_kit::config::Secret;

    use super::*;

    #[test]
    fn only_tokens_of_our_own_are_taken() {
        let key: SealingKey = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=".parse().expect("a key");
        let shop = BySaleor { client: Saleor::new("http://127.0.0.1:9/graphql/", Secret::new("t")), key };
        let ours = token(&shop.key, "T3JkZXI6MQ==");
        assert!(shop.recognises(&ours));
        assert!(!shop.recognises(&ours.replace("6MQ", "6Mg")), "another order under the same signature");
        assert!(!shop.recognises("saleor:T3JkZXI6MQ=="));
        assert!(!shop.recognises("pm_card_visa"));
    }
}
