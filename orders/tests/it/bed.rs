//! What the tests stand on: a database, a clock, two banks, a catalogue, two warehouses.

use std::sync::Arc;

use chrono::TimeDelta;
use orders::config::{Config, Parts};
use orders::domain::fraud::Thresholds;
use orders::domain::routing::Terms;
use orders::gateways::Gateways;
use orders::payments::Providers;
use orders::private::{Address, Private};
use serde_json::Value;
use service_kit::handler::{Delivered, Failure, Handles};
use service_kit::jobs::Worker;
use service_kit::testing::Slice;
use shared_events::orders::{
    AskedItem, CancelOrder, ChangeOrderStatus, ChangeStock, Channel, FulfilOrder, HandedOver, PlaceOrder, PutProduct,
    PutWarehouse, RefundOrder, RefundWish, Steer, SteerOrder, StockChange, UpdateOrder,
};
use shared_events::outcome::Rejection;
use shared_events::{Currency, Envelope, Message, Money, OrderId, RefundId, Service, StockMovementId, Subject};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use uuid::Uuid;

use crate::bank::Bank;

const KEY: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

pub struct Bed {
    pub slice: Slice,
    pub parts: Parts,
    /// Is asked first.
    pub cheap: Bank,
    pub dear: Bank,
}

pub fn usd(minor: i64) -> Money {
    Money::new(minor, Currency::USD)
}

pub fn who(name: &str) -> Subject {
    Subject::try_new(name).unwrap()
}

fn gateway(name: &str, cost_basis_points: i64) -> Terms {
    Terms {
        name: name.into(),
        currencies: vec![],
        countries: vec![],
        methods: vec![],
        cost_basis_points,
        cost_fixed_minor: 0,
        takes_parts: true,
    }
}

pub fn address(country: &str) -> Address {
    Address {
        name: Some("Ann Example".into()),
        street_address: Some("1 Main Street".into()),
        city: Some("Springfield".into()),
        postal_code: Some("12345".into()),
        country: Some(country.into()),
        ..Address::default()
    }
}

impl Bed {
    /// Warehouses `east` and `west`, a camera for 145.99, a cable for 15.00, a watch for 1250.00; nothing in stock.
    pub async fn new(pool: PgPoolOptions, options: PgConnectOptions) -> Self {
        let now = "2026-11-20T12:00:00Z".parse().unwrap();
        let slice = Slice::new(Service::Orders, pool, options, now).await;
        let config = Config {
            key: KEY.parse().unwrap(),
            high_value_minor: 100_000,
            thresholds: Thresholds::default(),
            scores_fraud: true,
            checks_quality: true,
            splits: true,
            prices_dynamically: false,
            router: orders::domain::route::Router::ByName,
            reorders: false,
            gateways: Gateways::default(),
            easypost: None,
            neighbours: vec![],
            saleor: None,
            redis: None,
        };
        let (cheap, dear) = (Bank::default(), Bank::default());
        let providers = Providers::default()
            .with(gateway("cheap", 100), Arc::new(cheap.clone()))
            .with(gateway("dear", 300), Arc::new(dear.clone()));
        let bed = Self { slice, parts: Parts { config: Arc::new(config), providers, post: None }, cheap, dear };
        for (id, price) in [("camera", 14_599), ("cable", 1_500), ("watch", 125_000)] {
            let product = PutProduct {
                product_id: id.into(),
                sku: format!("SKU-{id}"),
                name: id.into(),
                unit_price: usd(price),
                grams: 400,
                is_active: true,
                reason: None,
                by: who("boss"),
            };
            bed.tell(&orders::put_product::Put, product).await.unwrap();
        }
        for (id, cost_minor) in [("east", 400), ("west", 500)] {
            let warehouse = PutWarehouse {
                warehouse_id: id.into(),
                name: id.into(),
                country: "US".into(),
                cost_minor,
                distance_km: 100,
                is_active: true,
                marketplace: None,
                address: None,
                reason: None,
                by: who("boss"),
            };
            bed.tell(&orders::put_warehouse::Put, warehouse).await.unwrap();
        }
        bed
    }

    /// Hands a command over as the kit does; its result or its refusal.
    pub async fn tell<M: Message>(&self, handler: &impl Handles<M>, data: M) -> Result<Value, Rejection> {
        self.tell_as(handler, data, "ann").await
    }

    pub async fn tell_as<M: Message>(
        &self,
        handler: &impl Handles<M>,
        data: M,
        actor: &str,
    ) -> Result<Value, Rejection> {
        let Delivered { envelope, data } = self.slice.deliver(data);
        let message = Delivered { envelope: Envelope { actor: Some(actor.into()), ..envelope }, data };
        let mut work = self.slice.work().await;
        match handler.handle(&mut work, &message).await {
            Ok(outcome) => {
                work.commit().await.unwrap();
                Ok(outcome.value().cloned().unwrap_or_default())
            }
            Err(Failure::Reject(rejection)) => Err(rejection),
            Err(Failure::Retry(error)) => panic!("expected an end: {error:#}"),
        }
    }

    pub async fn receive(&self, sku: &str, warehouse: &str, quantity: i64) {
        self.stock(sku, warehouse, StockChange::Receive(quantity)).await.unwrap();
    }

    pub async fn stock(&self, sku: &str, warehouse: &str, change: StockChange) -> Result<Value, Rejection> {
        let change = ChangeStock {
            movement_id: StockMovementId(Uuid::now_v7()),
            sku: format!("SKU-{sku}"),
            warehouse_id: warehouse.into(),
            change,
            reference: "test".into(),
            by: who("boss"),
        };
        self.tell(&orders::change_stock::ChangeIt, change).await
    }

    /// Counts an article in `east`.
    pub async fn count(&self, sku: &str, counted: i64) {
        let change = ChangeStock {
            movement_id: StockMovementId(Uuid::now_v7()),
            sku: sku.into(),
            warehouse_id: "east".into(),
            change: StockChange::Count(counted),
            reference: "count".into(),
            by: who("boss"),
        };
        self.tell(&orders::change_stock::ChangeIt, change).await.unwrap();
    }

    /// Has the details of an order changed, as a customer's request over HTTP does.
    pub async fn change(&self, id: OrderId, how: impl FnOnce(&mut Private)) -> Result<Value, Rejection> {
        let key = &self.parts.config.key;
        let mut work = self.slice.work().await;
        let (sealed, version): (String, i32) =
            sqlx::query_as("SELECT private_sealed, details_version FROM orders WHERE id = $1")
                .bind(id.0)
                .fetch_one(work.conn())
                .await
                .unwrap();
        drop(work);
        let mut private = Private::open(key, &self.slice.tenant, id, &sealed).unwrap();
        how(&mut private);
        let change = UpdateOrder {
            why: None,
            order_id: id,
            private: Some(private.seal(key, &self.slice.tenant, id).unwrap()),
            replaces: None,
            made_from: Some(version),
            marks: Some(private.marks(key)),
            ship_country: None,
            shipping_method: None,
            only_of: Some("ann".into()),
            by: who("ann"),
        };
        self.tell(&orders::update_order::Update, change).await
    }

    /// An order of these articles by `ann`.
    pub fn order(&self, items: &[(&str, i64)]) -> PlaceOrder {
        let order_id = OrderId(Uuid::now_v7());
        let private = Private {
            billing: Some(address("US")),
            shipping: Some(address("US")),
            email: Some("ann@example.com".into()),
            payment_token: Some(format!("tok-{order_id}")),
            device_id: None,
            ..Private::default()
        };
        let items = items.iter().map(|(id, quantity)| AskedItem {
            product_id: Some((*id).to_owned()),
            sku: None,
            name: None,
            quantity: *quantity,
            unit_price: None,
            listed: None,
        });
        PlaceOrder {
            order_id,
            customer_id: "ann".into(),
            channel: Channel::Shop,
            items: items.collect(),
            currency: None,
            tax_basis_points: None,
            tax: None,
            shipping: None,
            expected_total: None,
            ship_country: "US".into(),
            shipping_method: "standard".into(),
            payment_method: "credit_card".into(),
            marks: private.marks(&self.parts.config.key),
            private: private.seal(&self.parts.config.key, &self.slice.tenant, order_id).unwrap(),
            email: None,
            click_id: None,
            coupon: None,
            is_trusted: false,
            placed_by: who("ann"),
        }
    }

    pub async fn place(&self, order: PlaceOrder) -> OrderId {
        let id = order.order_id;
        self.tell(&orders::place_order::Place, order).await.unwrap();
        id
    }

    pub fn worker(&self) -> Worker {
        orders::worker(self.slice.store.clone(), &self.parts)
    }

    /// Runs every job that is due, the clock moving on by seconds as long as a retry is near.
    pub async fn run(&self) {
        let worker = self.worker();
        for _ in 0..40 {
            while worker.run_next().await.unwrap() {}
            self.slice.clock.advance(TimeDelta::seconds(3));
        }
    }

    pub async fn labels(&self, id: OrderId, shipments: i32) -> Result<Value, Rejection> {
        let label = |shipment| HandedOver { shipment, carrier: "ups".into(), tracking_number: format!("1Z{shipment}") };
        let shipments = (1..=shipments).map(label).collect();
        self.tell(&orders::fulfil_order::Fulfil, FulfilOrder { order_id: id, shipments, only_in: None, by: who("bob") })
            .await
    }

    pub async fn set_status(&self, id: OrderId, status: &str) -> Result<Value, Rejection> {
        let change = ChangeOrderStatus { order_id: id, status: status.into(), reason: "test".into(), by: who("boss") };
        self.tell(&orders::change_status::ChangeIt, change).await
    }

    pub async fn steer(&self, id: OrderId, step: &str, action: Steer) -> Result<Value, Rejection> {
        let steer = SteerOrder { order_id: id, step: step.into(), action, reason: "test".into(), by: who("bob") };
        self.tell(&orders::steer_order::SteerIt, steer).await
    }

    pub async fn cancel(&self, id: OrderId, only_of: Option<&str>) -> Result<Value, Rejection> {
        let only_of = only_of.map(str::to_owned);
        let cancel = CancelOrder { order_id: id, reason: "changed my mind".into(), only_of, by: who("ann") };
        self.tell(&orders::cancel_order::Cancel, cancel).await
    }

    pub async fn refund(&self, id: OrderId, wish: RefundWish, restock: bool) -> Result<Value, Rejection> {
        let refund_id = RefundId(Uuid::now_v7());
        let refund = RefundOrder { refund_id, order_id: id, wish, reason: "damaged".into(), restock, by: who("boss") };
        self.tell(&orders::refund_order::PayBack, refund).await
    }

    /// An order as it is shown.
    pub async fn shown(&self, id: OrderId) -> Value {
        let mut work = self.slice.work().await;
        serde_json::to_value(orders::read_order::short(&mut work, id).await.unwrap()).unwrap()
    }

    /// Its status, the reason of its hold, and its next step.
    pub async fn stands(&self, id: OrderId) -> (String, String, String) {
        let shown = self.shown(id).await;
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        (text(&shown["status"]), text(&shown["hold"]["reason"]), text(&shown["next_step"]))
    }

    /// on hand and reserved
    pub async fn in_stock(&self, sku: &str, warehouse: &str) -> (i64, i64) {
        let mut work = self.slice.work().await;
        sqlx::query_as("SELECT on_hand, reserved FROM stock_items WHERE sku = $1 AND warehouse_id = $2")
            .bind(format!("SKU-{sku}"))
            .bind(warehouse)
            .fetch_one(work.conn())
            .await
            .unwrap()
    }

    /// The ledger's sums are the stock.
    pub async fn books_agree(&self) {
        let mut work = self.slice.work().await;
        let wrong: i64 = sqlx::query_scalar(
            "SELECT count(*) FROM stock_items s LEFT JOIN (SELECT sku, warehouse_id, sum(on_hand) AS on_hand, sum(reserved) AS reserved
               FROM stock_ledger GROUP BY sku, warehouse_id) l USING (sku, warehouse_id)
             WHERE s.on_hand <> COALESCE(l.on_hand, 0) OR s.reserved <> COALESCE(l.reserved, 0)",
        )
        .fetch_one(work.conn())
        .await
        .unwrap();
        assert_eq!(wrong, 0, "the stock ledger does not add up to the stock");
    }

    /// How often each event was said.
    pub async fn said(&self, kind: &str) -> usize {
        self.slice.said().await.iter().filter(|(name, _)| *name == format!("orders.{kind}.v1")).count()
    }
}
