//! What is asked, in GraphQL.

/// What of an order is read.
macro_rules! order {
    () => {
        "fragment Read on Order {
            id number created updatedAt status chargeStatus userEmail shippingMethodName voucherCode
            user { id }
            channel { warehouses { id } }
            shippingAddress { ...Place }
            billingAddress { ...Place }
            total { ...Sum }
            shippingPrice { ...Sum }
            lines {
                id productName variantName productSku productVariantId isShippingRequired quantity quantityToFulfill
                totalPrice { ...Sum }
                allocations { quantity warehouse { id } }
            }
            fulfillments { status trackingNumber }
        }
        fragment Place on Address {
            firstName lastName companyName streetAddress1 streetAddress2 city countryArea postalCode phone country { code }
        }
        fragment Sum on TaxedMoney { gross { currency amount } net { currency amount } tax { currency amount } }"
    };
}

/// Orders that changed since a time, those that changed first before the others. `where` is newer than many shops that run; `filter` is
/// understood by all of them.
pub const ORDERS: &str = concat!(
    "query RecoupOrders($since: DateTime!, $first: Int!, $after: String) {
        orders(first: $first, after: $after, filter: { updatedAt: { gte: $since } }, sortBy: { field: LAST_MODIFIED_AT, direction: ASC }) {
            edges { node { ...Read } }
            pageInfo { hasNextPage endCursor }
        }
    } ",
    order!()
);

/// One order.
pub const ORDER: &str = concat!("query RecoupOrder($id: ID!) { order(id: $id) { ...Read } } ", order!());

/// Some of an order has left. The goods are gone, whatever stock Saleor believes in; customers are told by ourselves.
pub const FULFIL: &str = "mutation RecoupFulfil($order: ID!, $lines: [OrderFulfillLineInput!]!, $tracking: String) {
    orderFulfill(order: $order, input: { lines: $lines, trackingNumber: $tracking, notifyCustomer: false, allowStockToBeExceeded: true }) {
        order { id } errors { field code message }
    }
}";

/// An order is given up.
pub const CANCEL: &str = "mutation RecoupCancel($order: ID!) {
    orderCancel(id: $order) { order { id } errors { field code message } }
}";
