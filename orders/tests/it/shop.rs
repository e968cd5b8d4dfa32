//! Orders with the real gateways' clients, and all four stand-ins on loopback.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use orders::config::{Config, Parts};
use orders::gateways::{Gateways, PayPalAccess, PayUAccess, RazorpayAccess, StripeAccess};
use orders::private::Private;
use sandbox::gateway::Books;
use service_kit::clock::Clock;
use service_kit::config::Secret;
use shared_events::orders::{PlaceOrder, PutProduct};
use shared_events::{Currency, Money, OrderId};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use tokio::net::TcpListener;

use crate::bed::{Bed, who};

/// What Stripe's webhooks are signed with.
pub const STRIPE_SECRET: &str = "whsec_stripe";

pub struct Shop {
    pub bed: Bed,
    pub stripe: sandbox::stripe::Stripe,
    pub paypal: sandbox::paypal::PayPal,
    pub razorpay: sandbox::razorpay::Razorpay,
    pub payu: sandbox::payu::PayU,
}

async fn serve(router: Router) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await });
    base
}

impl Shop {
    pub async fn open(pool: PgPoolOptions, options: PgConnectOptions) -> Self {
        let mut bed = Bed::new(pool, options).await;
        let clock: Arc<dyn Clock> = bed.slice.clock.clone();
        let stripe = sandbox::stripe::Stripe::new(clock.clone());
        let paypal = sandbox::paypal::PayPal::new(clock.clone());
        let razorpay = sandbox::razorpay::Razorpay::new(clock.clone());
        let payu = sandbox::payu::PayU::new(clock);
        let secret = |text: &str| Secret::new(text.to_owned());
        let gateways = Gateways {
            stripe: Some(StripeAccess {
                client: providers::stripe::Stripe::new(&serve(stripe.router()).await, secret("sk_test")),
                webhook_secret: Some(secret(&format!("whsec_former,{STRIPE_SECRET}"))),
            }),
            paypal: Some(PayPalAccess {
                client: providers::paypal::PayPal::new(&serve(paypal.router()).await, "id", secret("secret")),
                webhook_id: Some(sandbox::paypal::WEBHOOK_ID.into()),
                cert_host: "paypal.com".into(),
            }),
            razorpay: Some(RazorpayAccess {
                client: providers::razorpay::Razorpay::new(&serve(razorpay.router()).await, "rzp", secret("secret")),
                webhook_secret: Some(secret(sandbox::razorpay::WEBHOOK_SECRET)),
            }),
            payu: Some(PayUAccess {
                client: providers::payu::PayU::new(
                    &serve(payu.router()).await,
                    sandbox::payu::KEY,
                    secret(sandbox::payu::SALT),
                ),
                key: sandbox::payu::KEY.into(),
                salt: secret(sandbox::payu::SALT),
            }),
            ..Gateways::default()
        };
        let config = Config { gateways: gateways.with_timeout(Duration::from_secs(3)), ..(*bed.parts.config).clone() };
        bed.parts = Parts::of(Arc::new(config));
        let product = PutProduct {
            product_id: "tea".into(),
            sku: "SKU-tea".into(),
            name: "tea".into(),
            unit_price: Money::new(15_000, Currency::try_new("INR").unwrap()),
            grams: 400,
            is_active: true,
            reason: None,
            by: who("boss"),
        };
        bed.tell(&orders::put_product::Put, product).await.unwrap();
        for sku in ["cable", "tea"] {
            bed.receive(sku, "east", 20).await;
        }
        Self { bed, stripe, paypal, razorpay, payu }
    }

    /// An order of two articles, with tokens by gateway.
    pub fn order(&self, sku: &str, tokens: &[(&str, &str)]) -> PlaceOrder {
        let order = self.bed.order(&[(sku, 2)]);
        let (key, tenant) = (&self.bed.parts.config.key, &self.bed.slice.tenant);
        let opened = Private::open(key, tenant, order.order_id, &order.private).unwrap();
        let payment_tokens = tokens.iter().map(|(name, token)| ((*name).to_owned(), (*token).to_owned())).collect();
        let private = Private { payment_token: None, payment_tokens, ..opened };
        PlaceOrder { marks: private.marks(key), private: private.seal(key, tenant, order.order_id).unwrap(), ..order }
    }

    pub async fn place(&self, sku: &str, tokens: &[(&str, &str)]) -> OrderId {
        self.bed.place(self.order(sku, tokens)).await
    }

    /// What our own ledger says of a gateway.
    pub async fn ledger(&self, gateway: &str) -> Books {
        let mut work = self.bed.slice.work().await;
        let (held, captured, refunded): (i64, i64, i64) = sqlx::query_as(
            "SELECT COALESCE(sum(amount_minor - captured_minor) FILTER (WHERE state = 'authorized'), 0)::bigint,
                    COALESCE(sum(captured_minor), 0)::bigint, COALESCE(sum(refunded_minor), 0)::bigint FROM payments WHERE gateway = $1",
        )
        .bind(gateway)
        .fetch_one(work.conn())
        .await
        .unwrap();
        Books { held, captured, refunded }
    }

    pub fn books(&self, gateway: &str) -> Books {
        match gateway {
            "stripe" => self.stripe.books(),
            "paypal" => self.paypal.books(),
            "razorpay" => self.razorpay.books(),
            _ => self.payu.books(),
        }
    }

    /// The gateway's books and ours agree, for all four, to the cent.
    pub async fn agree(&self) {
        for gateway in ["stripe", "paypal", "razorpay", "payu"] {
            assert_eq!(self.books(gateway), self.ledger(gateway).await, "{gateway} says otherwise than we do");
        }
        self.bed.books_agree().await;
    }

    /// Every try of an order's: gateway, state, code.
    pub async fn tries(&self, id: OrderId) -> Vec<(String, String, Option<String>)> {
        let mut work = self.bed.slice.work().await;
        sqlx::query_as("SELECT gateway, state::text, decline_code FROM payments WHERE order_id = $1 ORDER BY attempt")
            .bind(id.0)
            .fetch_all(work.conn())
            .await
            .unwrap()
    }
}
