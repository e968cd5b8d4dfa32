//! Orders: taken once, checked, paid, fulfilled, refunded.
//!
//! One aggregate for the shop and for the order workflow. A message changes an order within its transaction; a durable job carries each
//! step of its way, and everything that is asked of the outside is written down before it is asked.

mod advance;
pub mod api;
pub mod api_keys;
mod ask_arrival;
pub mod assign_operators;
pub mod assign_task;
mod audit;
mod calls;
pub mod cancel_order;
pub mod change_status;
pub mod change_stock;
pub mod config;
pub mod customer_mail;
pub mod decide_task;
mod directory;
pub mod domain;
pub mod follow_parcel;
pub mod fulfil_order;
pub mod gateways;
pub mod give_up_rest;
pub mod heed_webhook;
pub mod import_saleor;
mod order_row;
pub mod override_stock;
pub mod pay_refund;
mod payment_row;
pub mod payments;
pub mod place_order;
pub mod private;
pub mod push_saleor;
pub mod put_around;
pub mod put_product;
pub mod put_rates;
pub mod put_warehouse;
pub mod raise_problem;
pub mod read_order;
pub mod refund_order;
mod release_rest;
pub mod reorder;
pub mod return_order;
pub mod rotate_keys;
mod sent_units;
pub mod steer_order;
pub mod steps;
pub mod stock;
pub mod tasks;
pub mod update_order;
pub mod webhooks;
mod write_order;

use service_kit::handler::Routes;
use service_kit::jobs::Worker;
use service_kit::store::Store;
use shared_events::orders::{
    AskStockOverride, AssignOperators, AssignTask, CancelOrder, ChangeOrderStatus, ChangeStock, ClaimOrderTask,
    CreateApiKey, DecideOrderTask, FulfilOrder, GiveUpRest, PlaceOrder, PutCart, PutCustomer, PutProduct, PutRates,
    PutWarehouse, RaiseProblem, RefundOrder, ReturnOrder, RevokeApiKey, RotateApiKey, SteerOrder, UpdateOrder,
};

pub use config::{Config, Parts};

/// Which message goes where.
pub fn routes() -> Routes {
    Routes::new()
        .on::<PlaceOrder>(place_order::Place)
        .on::<UpdateOrder>(update_order::Update)
        .on::<CancelOrder>(cancel_order::Cancel)
        .on::<ChangeOrderStatus>(change_status::ChangeIt)
        .on::<SteerOrder>(steer_order::SteerIt)
        .on::<FulfilOrder>(fulfil_order::Fulfil)
        .on::<RefundOrder>(refund_order::PayBack)
        .on::<ReturnOrder>(return_order::TakeIn)
        .on::<DecideOrderTask>(decide_task::Decide)
        .on::<ClaimOrderTask>(decide_task::Claim)
        .on::<GiveUpRest>(give_up_rest::GiveUp)
        .on::<AskStockOverride>(override_stock::AskIt)
        .on::<RaiseProblem>(raise_problem::RaiseIt)
        .on::<AssignTask>(assign_task::Assign)
        .on::<PutProduct>(put_product::Put)
        .on::<PutCustomer>(put_around::PutThem)
        .on::<PutCart>(put_around::PutIt)
        .on::<PutWarehouse>(put_warehouse::Put)
        .on::<PutRates>(put_rates::Put)
        .on::<ChangeStock>(change_stock::ChangeIt)
        .on::<AssignOperators>(assign_operators::Assign)
        .on::<CreateApiKey>(api_keys::Create)
        .on::<RotateApiKey>(api_keys::Rotate)
        .on::<RevokeApiKey>(api_keys::Revoke)
}

/// Jobs that one process runs at the same time, so that one provider that is slow to answer delays no other order.
const JOBS_AT_ONCE: usize = 8;

/// Which job runs where.
pub fn worker(store: Store, parts: &Parts) -> Worker {
    Worker::new(store)
        .at_once(JOBS_AT_ONCE)
        .on(steps::RunStep { parts: parts.clone() })
        .on(steps::RunUndo { parts: parts.clone() })
        .on(steps::Expire)
        .on(steps::Lapse { parts: parts.clone() })
        .on(pay_refund::RunRefund { parts: parts.clone() })
        .on(release_rest::ReleaseRest { parts: parts.clone() })
        .on(heed_webhook::Heed { parts: parts.clone() })
        .on(steps::VoidLabel { parts: parts.clone() })
        .on(follow_parcel::Follow { parts: parts.clone() })
        .on(tasks::Escalate)
        .on(import_saleor::Import { parts: parts.clone() })
        .on(push_saleor::Push { parts: parts.clone() })
        .on(reorder::AskReorder { parts: parts.clone() })
        .on(ask_arrival::AskArrival)
}
