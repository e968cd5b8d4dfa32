//! Orders as callers write them, and the commands that they become.

use std::collections::BTreeMap;

use serde::Deserialize;
use service_kit::auth::{Caller, Role};
use service_kit::problem::Problem;
use shared_events::orders::{AskedItem, Channel, Listed, PlaceOrder};
use shared_events::{Currency, MessageId, OrderId, ids};
use utoipa::ToSchema;

use super::Api;
use super::amount::Amount;
use super::ask::{Body, text};
use super::tokens::check_tokens;
use crate::customer_mail;
use crate::private::{Address, Private};

/// An order as it is sent.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"items": [{"product_id": "prod_456", "quantity": 2, "unit_price": "29.99"}],
    "shipping_address": {"name": "Ann Example", "street_address": "1 Main Street", "city": "Springfield", "postal_code": "12345", "country": "US"},
    "payment_method": "credit_card", "payment_token": "pm_card_visa", "shipping_method": "standard"}))]
pub struct OrderBody {
    /// Whose order it is, where staff or a selling system places it; the caller's own unless said.
    #[serde(default)]
    pub customer_id: Option<String>,
    /// What is ordered; what lies in the cart unless said.
    #[serde(default)]
    pub items: Vec<ItemBody>,
    /// The cart that is ordered.
    #[serde(default)]
    pub cart_id: Option<String>,
    /// In which currency; the catalogue's unless said.
    #[serde(default)]
    pub currency: Option<Currency>,
    /// Who pays; where it goes unless said.
    #[serde(default)]
    pub billing_address: Option<Address>,
    /// Where it goes.
    pub shipping_address: Address,
    /// How it is paid.
    #[serde(default = "card")]
    pub payment_method: String,
    /// The payment provider's token of the means of payment. Card numbers are never sent here.
    #[serde(default)]
    pub payment_token: Option<String>,
    /// Tokens of several payment providers, by their names: when one refuses, another can be asked.
    #[serde(default)]
    pub payment_tokens: BTreeMap<String, String>,
    /// How it is sent.
    #[serde(default = "standard")]
    pub shipping_method: String,
    /// The customer's mail address.
    #[serde(default, alias = "customer_email")]
    pub email: Option<String>,
    /// What the shop calls the device that it was ordered from.
    #[serde(default)]
    pub device_id: Option<String>,
    /// A selling system's own share of tax: 0.08 is 8 %.
    #[serde(default)]
    pub tax_rate: Option<Amount>,
    /// A selling system's own tax.
    #[serde(default, alias = "tax")]
    pub tax_amount: Option<Amount>,
    /// A selling system's own price of shipping.
    #[serde(default, alias = "shipping_cost")]
    pub shipping_amount: Option<Amount>,
    /// What the buyer expects to pay in all; refused when it comes to something else.
    #[serde(default)]
    pub total_amount: Option<Amount>,
    /// The click that led to it.
    #[serde(default)]
    pub click_id: Option<String>,
    /// The coupon that was used.
    #[serde(default, alias = "coupon_code")]
    pub coupon: Option<String>,
}

impl Body for OrderBody {}

/// One article of an order.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ItemBody {
    /// The catalogue's id; or the sku.
    #[serde(default)]
    #[schema(example = "prod_456")]
    pub product_id: Option<String>,
    /// The seller's number; or the catalogue's id.
    #[serde(default)]
    #[schema(example = "WIDGET-001")]
    pub sku: Option<String>,
    /// What it is called.
    #[serde(default)]
    pub name: Option<String>,
    /// How many.
    #[schema(example = 2)]
    pub quantity: i64,
    /// The price of one that the buyer saw: another one in the catalogue is a conflict.
    #[serde(default, alias = "price")]
    pub unit_price: Option<Amount>,
    /// The price of all; has to be quantity times price.
    #[serde(default)]
    pub total_price: Option<Amount>,
    /// What the catalogue elsewhere says of it; never read from a caller.
    #[serde(skip)]
    pub listed: Option<Listed>,
}

fn card() -> String {
    "credit_card".into()
}

fn standard() -> String {
    "standard".into()
}

/// Who may place orders.
const MAY_ORDER: [Role; 5] = [Role::Admin, Role::Manager, Role::Operator, Role::Seller, Role::Customer];

impl OrderBody {
    /// The command that it becomes.
    ///
    /// # Errors
    /// 403 for callers that place no orders, 422 that names the field.
    pub fn command(self, api: &Api, caller: &Caller, id: MessageId, channel: Channel) -> Result<PlaceOrder, Problem> {
        caller.require(&MAY_ORDER)?;
        let is_trusted = caller.is_staff() || caller.has_any(&[Role::Seller]);
        let customer_id = match self.customer_id {
            Some(named) if named != caller.subject.as_str() && !is_trusted => {
                return Err(Problem::forbidden("a customer orders for itself only"));
            }
            Some(named) => named,
            None => caller.subject.to_string(),
        };
        text("customer_id", &customer_id, 128)?;
        text("payment_method", &self.payment_method, 64)?;
        text("shipping_method", &self.shipping_method, 64)?;
        let optional = [
            ("payment_token", &self.payment_token),
            ("email", &self.email),
            ("device_id", &self.device_id),
            ("click_id", &self.click_id),
            ("coupon", &self.coupon),
        ];
        for (field, value) in optional {
            if let Some(value) = value {
                text(field, value, 255)?;
            }
        }
        check_tokens(self.payment_token.as_ref(), &self.payment_tokens)?;
        let currency = self.currency;
        let mut shipping = self.shipping_address;
        let ship_country = check_address("shipping_address", &mut shipping)?;
        let billing = match self.billing_address {
            Some(mut billing) => {
                check_address("billing_address", &mut billing)?;
                billing
            }
            None => shipping.clone(),
        };
        let read = |amount: &Option<Amount>, field: &str| {
            amount.as_ref().map(|amount| amount.written(field, currency)).transpose()
        };
        let items = self.items.into_iter().enumerate().map(|(index, item)| item.asked(index, currency));
        let email = self.email.or_else(|| shipping.email.clone()).or_else(|| billing.email.clone());
        let mail = customer_mail::sealed(&api.config.key, &caller.tenant, &customer_id, email.as_deref());
        let mail = mail.map_err(Problem::internal)?;
        let private = Private {
            billing: Some(billing),
            shipping: Some(shipping),
            email,
            payment_token: self.payment_token,
            payment_tokens: self.payment_tokens,
            device_id: self.device_id,
        };
        let order_id = OrderId(ids::derive(&["order", &id.to_string()]));
        Ok(PlaceOrder {
            order_id,
            customer_id,
            channel,
            items: items.collect::<Result<_, _>>()?,
            currency: self.currency,
            tax_basis_points: self.tax_rate.as_ref().map(|share| share.share("tax_rate")).transpose()?,
            tax: read(&self.tax_amount, "tax_amount")?,
            shipping: read(&self.shipping_amount, "shipping_amount")?,
            expected_total: read(&self.total_amount, "total_amount")?,
            ship_country,
            shipping_method: self.shipping_method,
            payment_method: self.payment_method,
            marks: private.marks(&api.config.key),
            email: mail,
            private: private.seal(&api.config.key, &caller.tenant, order_id)?,
            click_id: self.click_id,
            coupon: self.coupon,
            is_trusted,
            placed_by: caller.subject.clone(),
        })
    }
}

impl ItemBody {
    fn asked(self, index: usize, currency: Option<Currency>) -> Result<AskedItem, Problem> {
        let at = |name: &str| format!("items[{index}].{name}");
        for (name, value, longest) in
            [("product_id", &self.product_id, 128), ("sku", &self.sku, 128), ("name", &self.name, 512)]
        {
            if let Some(value) = value {
                text(&at(name), value, longest)?;
            }
        }
        let unit_price =
            self.unit_price.as_ref().map(|amount| amount.written(&at("unit_price"), currency)).transpose()?;
        if let (Some(total), Some(unit)) = (&self.total_price, &self.unit_price) {
            let fine = currency.map_or_else(Amount::finest, Ok)?;
            let (total, unit) = (total.read(&at("total_price"), fine)?, unit.read(&at("unit_price"), fine)?);
            if unit.minor.checked_mul(self.quantity) != Some(total.minor) {
                return Err(Problem::invalid_field(&at("total_price"), "is not quantity times unit_price"));
            }
        }
        Ok(AskedItem {
            product_id: self.product_id,
            sku: self.sku,
            name: self.name,
            quantity: self.quantity,
            unit_price,
            listed: self.listed,
        })
    }
}

/// Checks lengths, and that the country is one by ISO 3166; returns it.
pub fn check_address(field: &str, address: &mut Address) -> Result<String, Problem> {
    let parts = [
        ("name", &address.name),
        ("first_name", &address.first_name),
        ("last_name", &address.last_name),
        ("company", &address.company),
        ("street_address", &address.street_address),
        ("street_address_2", &address.street_address_2),
        ("city", &address.city),
        ("state", &address.state),
        ("postal_code", &address.postal_code),
        ("phone", &address.phone),
        ("email", &address.email),
    ];
    for (name, value) in parts {
        if let Some(value) = value.as_ref().filter(|value| !value.is_empty()) {
            text(&format!("{field}.{name}"), value, 255)?;
        }
    }
    let name = format!("{field}.country");
    let country = address.country.as_deref().unwrap_or_default().trim().to_ascii_uppercase();
    if country.len() != 2 || !country.bytes().all(|letter| letter.is_ascii_uppercase()) {
        return Err(Problem::invalid_field(&name, "must be a country by its two letters, such as US"));
    }
    address.country = Some(country.clone());
    Ok(country)
}
