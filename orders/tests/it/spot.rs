//! Commands that are handled in the process, without a broker.

use futures::future::BoxFuture;
use orders::api::Sends;
use service_kit::handler::{Delivered, Failure, Handles};
use service_kit::store::Store;
use shared_events::orders::{
    AskStockOverride, AssignOperators, AssignTask, CancelOrder, ChangeOrderStatus, ChangeStock, ClaimOrderTask,
    CreateApiKey, DecideOrderTask, FulfilOrder, GiveUpRest, PlaceOrder, PutCart, PutCustomer, PutProduct, PutRates,
    PutWarehouse, RaiseProblem, RevokeApiKey, RotateApiKey, SteerOrder, UpdateOrder,
};
use shared_events::{Envelope, Message, Topic};

/// Handles commands in the process, once each, and keeps their outcomes as the kit does.
pub struct OnTheSpot(pub Store);

impl OnTheSpot {
    async fn run<M: Message>(
        &self,
        handler: impl Handles<M>,
        envelope: &Envelope,
        payload: &[u8],
    ) -> anyhow::Result<()> {
        let data: M = serde_json::from_slice(payload)?;
        let mut work = self.0.read(&envelope.tenant).await?;
        let handled = handler.handle(&mut work, &Delivered { envelope: envelope.clone(), data }).await;
        let (status, rejection, result) = match handled {
            Ok(outcome) => ("done", None, outcome.value().cloned()),
            Err(Failure::Reject(rejection)) => {
                work = self.0.read(&envelope.tenant).await?;
                ("rejected", Some(serde_json::to_value(rejection)?), None)
            }
            Err(Failure::Retry(error)) => return Err(error),
        };
        sqlx::query(
            "INSERT INTO command_outcomes (command_id, tenant, actor, type, status, rejection, result, body_digest, correlation, finished_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, now())",
        )
        .bind(envelope.id.0)
        .bind(envelope.tenant.as_str())
        .bind(&envelope.actor)
        .bind(M::TYPE)
        .bind(status)
        .bind(rejection)
        .bind(result)
        .bind(&envelope.body_digest)
        .bind(envelope.correlation)
        .execute(work.conn())
        .await?;
        Ok(work.commit().await?)
    }
}

impl Sends for OnTheSpot {
    fn send<'a>(
        &'a self,
        _topic: Topic,
        envelope: &'a Envelope,
        payload: Vec<u8>,
    ) -> BoxFuture<'a, anyhow::Result<()>> {
        Box::pin(async move {
            match envelope.kind.as_str() {
                PlaceOrder::TYPE => self.run::<PlaceOrder>(orders::place_order::Place, envelope, &payload).await,
                UpdateOrder::TYPE => self.run::<UpdateOrder>(orders::update_order::Update, envelope, &payload).await,
                CancelOrder::TYPE => self.run::<CancelOrder>(orders::cancel_order::Cancel, envelope, &payload).await,
                ChangeOrderStatus::TYPE => {
                    self.run::<ChangeOrderStatus>(orders::change_status::ChangeIt, envelope, &payload).await
                }
                SteerOrder::TYPE => self.run::<SteerOrder>(orders::steer_order::SteerIt, envelope, &payload).await,
                FulfilOrder::TYPE => self.run::<FulfilOrder>(orders::fulfil_order::Fulfil, envelope, &payload).await,
                PutProduct::TYPE => self.run::<PutProduct>(orders::put_product::Put, envelope, &payload).await,
                PutRates::TYPE => self.run::<PutRates>(orders::put_rates::Put, envelope, &payload).await,
                PutWarehouse::TYPE => self.run::<PutWarehouse>(orders::put_warehouse::Put, envelope, &payload).await,
                ChangeStock::TYPE => self.run::<ChangeStock>(orders::change_stock::ChangeIt, envelope, &payload).await,
                PutCart::TYPE => self.run::<PutCart>(orders::put_around::PutIt, envelope, &payload).await,
                PutCustomer::TYPE => self.run::<PutCustomer>(orders::put_around::PutThem, envelope, &payload).await,
                ClaimOrderTask::TYPE => {
                    self.run::<ClaimOrderTask>(orders::decide_task::Claim, envelope, &payload).await
                }
                DecideOrderTask::TYPE => {
                    self.run::<DecideOrderTask>(orders::decide_task::Decide, envelope, &payload).await
                }
                AssignTask::TYPE => self.run::<AssignTask>(orders::assign_task::Assign, envelope, &payload).await,
                GiveUpRest::TYPE => self.run::<GiveUpRest>(orders::give_up_rest::GiveUp, envelope, &payload).await,
                RaiseProblem::TYPE => {
                    self.run::<RaiseProblem>(orders::raise_problem::RaiseIt, envelope, &payload).await
                }
                AskStockOverride::TYPE => {
                    self.run::<AskStockOverride>(orders::override_stock::AskIt, envelope, &payload).await
                }
                AssignOperators::TYPE => {
                    self.run::<AssignOperators>(orders::assign_operators::Assign, envelope, &payload).await
                }
                CreateApiKey::TYPE => self.run::<CreateApiKey>(orders::api_keys::Create, envelope, &payload).await,
                RotateApiKey::TYPE => self.run::<RotateApiKey>(orders::api_keys::Rotate, envelope, &payload).await,
                RevokeApiKey::TYPE => self.run::<RevokeApiKey>(orders::api_keys::Revoke, envelope, &payload).await,
                other => anyhow::bail!("no handler for {other}"),
            }
        })
    }
}
