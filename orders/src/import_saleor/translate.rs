//! An order of a Saleor shop, as it is placed here. Its prices count as they are: the customer has paid them there, and what our catalogue
//! asks cannot change that any more. What does not add up to what was paid is refused.

use providers::saleor;
use service_kit::sealed::SealingKey;
use shared_events::ids::derive;
use shared_events::orders::{AskedItem, Channel, Listed, PlaceOrder};
use shared_events::{Money, OrderId, Subject, TenantId, Written};

use crate::customer_mail;
use crate::gateways::saleor_token;
use crate::private::{Address, Private};

/// The payment method of such orders, and the name of who takes their money.
pub const SALEOR: &str = "saleor";
/// Longest name of an article or a method that is taken over whole.
const LONGEST: usize = 128;

/// An order to be placed, and where its lines come from.
#[derive(Debug)]
pub struct Translated {
    /// The order.
    pub command: PlaceOrder,
    /// For each of its lines, Saleor's id of the line.
    pub lines: Vec<String>,
}

/// Our id of a Saleor order: the same every time.
pub fn order_id(tenant: &TenantId, saleor_id: &str) -> OrderId {
    OrderId(derive(&["saleor-order", tenant.as_str(), saleor_id]))
}

/// What is placed for an order of the shop.
///
/// # Errors
/// Why it cannot be, in words.
pub fn translate(key: &SealingKey, tenant: &TenantId, order: &saleor::Order) -> Result<Translated, String> {
    let id = order_id(tenant, &order.id);
    let money = |amount: &saleor::Amount, what: &str| {
        amount.money().filter(|money| money.minor >= 0).ok_or_else(|| format!("its {what} cannot be read"))
    };
    let total = money(&order.total.gross, "total")?;
    let (mut items, mut lines) = (Vec::new(), Vec::new());
    for line in &order.lines {
        if !line.is_shipping_required {
            return Err(format!("{} is not sent, and only what is sent can be handled here", line.product_name));
        }
        let sku = line.product_sku.clone().filter(|sku| !sku.is_empty());
        let sku = sku.ok_or_else(|| format!("{} has no sku", line.product_name))?;
        let name = [line.product_name.as_str(), line.variant_name.as_str()];
        let name = name.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(", ");
        let all = money(&line.total_price.net, "price of a line")?;
        for (quantity, unit_minor) in evenly(all.minor, line.quantity) {
            let listed = Listed {
                product_id: line.product_variant_id.clone().unwrap_or_else(|| sku.clone()),
                sku: sku.clone(),
                name: short(&name),
                unit_price: Money::new(unit_minor, all.currency),
                grams: 0,
                is_active: true,
                pricing: None,
            };
            items.push(AskedItem {
                product_id: None,
                sku: Some(sku.clone()),
                name: None,
                quantity,
                unit_price: None,
                listed: Some(listed),
            });
            lines.push(line.id.clone());
        }
    }
    let shipping = order.shipping_address.as_ref().ok_or("it has no address to send to")?;
    let country = shipping.country.code.trim().to_ascii_uppercase();
    if country.len() != 2 || !country.bytes().all(|letter| letter.is_ascii_uppercase()) {
        return Err("its address has no country".into());
    }
    let email = order.user_email.clone().filter(|email| !email.is_empty());
    let customer_id = customer(key, order);
    let private = Private {
        billing: Some(address(order.billing_address.as_ref().unwrap_or(shipping))),
        shipping: Some(address(shipping)),
        email: email.clone(),
        payment_token: None,
        payment_tokens: [(SALEOR.to_owned(), saleor_token(key, &order.id))].into(),
        device_id: None,
    };
    let failed = |error: &dyn std::fmt::Display| format!("it cannot be sealed: {error}");
    let method = order.shipping_method_name.as_deref().map(short).filter(|method| !method.is_empty());
    let command = PlaceOrder {
        order_id: id,
        email: customer_mail::sealed(key, tenant, &customer_id, email.as_deref()).map_err(|error| failed(&error))?,
        customer_id,
        channel: Channel::Workflow,
        items,
        currency: Some(total.currency),
        tax_basis_points: None,
        tax: Some(Written::In(money(&order.total.tax, "tax")?)),
        shipping: Some(Written::In(money(&order.shipping_price.net, "price of delivery")?)),
        expected_total: Some(Written::In(total)),
        ship_country: country,
        shipping_method: method.unwrap_or_else(|| "standard".into()),
        payment_method: SALEOR.into(),
        marks: private.marks(key),
        private: private.seal(key, tenant, id).map_err(|error| failed(&error))?,
        click_id: None,
        coupon: order.voucher_code.clone().filter(|code| !code.is_empty()),
        is_trusted: true,
        placed_by: Subject::try_new(SALEOR).map_err(|error| failed(&error))?,
    };
    Ok(Translated { command, lines })
}

/// Prices of one that make up the whole exactly: all at one price, or the last ones at a minor unit more.
fn evenly(total: i64, quantity: i64) -> Vec<(i64, i64)> {
    if quantity < 1 {
        // Refused where orders are placed, with the line's number.
        return vec![(quantity, total)];
    }
    let (each, rest) = (total / quantity, total % quantity);
    [(quantity - rest, each), (rest, each + 1)].into_iter().filter(|(quantity, _)| *quantity > 0).collect()
}

/// Whose it is: the shop's user, or a guest by the mail address, which is not readable in it.
fn customer(key: &SealingKey, order: &saleor::Order) -> String {
    let guest = || {
        let mail = order.user_email.as_deref().unwrap_or(&order.id).to_lowercase();
        format!("saleor-guest:{}", &key.digest(format!("saleor guest\u{1f}{mail}").as_bytes())[..32])
    };
    order.user.as_ref().map_or_else(guest, |user| short(&format!("saleor:{}", user.id)))
}

fn short(text: &str) -> String {
    text.chars().filter(|letter| !letter.is_control()).take(LONGEST).collect()
}

fn address(of: &saleor::Address) -> Address {
    let filled = |text: &str| Some(short(text)).filter(|text| !text.is_empty());
    let name = format!("{} {}", of.first_name, of.last_name);
    Address {
        name: filled(name.trim()),
        company: filled(&of.company_name),
        street_address: filled(&of.street_address1),
        street_address_2: filled(&of.street_address2),
        city: filled(&of.city),
        state: filled(&of.country_area),
        postal_code: filled(&of.postal_code),
        country: filled(&of.country.code.trim().to_ascii_uppercase()),
        phone: of.phone.as_deref().and_then(filled),
        ..Address::default()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_does_not_divide_evenly_is_two_lines() {
        assert_eq!(evenly(1_000, 3), [(2, 333), (1, 334)]);
        assert_eq!(evenly(900, 3), [(3, 300)]);
        assert_eq!(evenly(2, 3), [(1, 0), (2, 1)]);
    }

    proptest! {
        #[test]
        fn the_parts_are_the_whole(total in 0_i64..10_000_000_000, quantity in 1_i64..100_000) {
            let parts = evenly(total, quantity);
            prop_assert_eq!(parts.iter().map(|(count, _)| count).sum::<i64>(), quantity);
            prop_assert_eq!(parts.iter().map(|(count, unit)| count * unit).sum::<i64>(), total);
        }
    }
}
