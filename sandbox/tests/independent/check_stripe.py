"""Asks the sandbox by Stripe's own client. Usage: check_stripe.py http://127.0.0.1:PORT"""

import sys

import stripe

stripe.api_key, stripe.api_base, stripe.max_network_retries = "sk_test_independent", sys.argv[1], 0


def pay(customer, key, amount=700, card="pm_card_visa"):
    return stripe.PaymentIntent.create(
        amount=amount, currency="usd", customer=customer, payment_method=card, confirm=True, off_session=True,
        metadata={"fee_id": key}, idempotency_key=key,
    )


def refused(kind, act):
    try:
        act()
    except kind as error:
        return error
    raise AssertionError(f"no {kind.__name__}")


def main():
    customer = stripe.Customer.create(metadata={"seller": "1"}, idempotency_key="customer").id
    page = stripe.checkout.Session.create(
        mode="setup", customer=customer, success_url="https://x.example/{CHECKOUT_SESSION_ID}", cancel_url="https://x.example/",
        payment_method_types=["card"],
    )
    assert page.status == "open" and page.url, page
    first = pay(customer, "a")
    assert first.status == "succeeded" and first.amount_received == 700, first
    assert pay(customer, "a").id == first.id, "the same key pays once"
    refused(stripe.IdempotencyError, lambda: pay(customer, "a", amount=701))
    declined = refused(stripe.CardError, lambda: pay(customer, "b", card="pm_card_visa_chargeDeclinedInsufficientFunds"))
    assert declined.error.decline_code == "insufficient_funds", declined
    refused(stripe.InvalidRequestError, lambda: pay(customer, "c", amount=1))
    refund = stripe.Refund.create(payment_intent=first.id, amount=200, metadata={"credit_id": "1"}, idempotency_key="r")
    assert refund.status == "succeeded", refund
    refused(stripe.InvalidRequestError, lambda: stripe.Refund.create(payment_intent=first.id, amount=501))
    for number in range(12):
        pay(customer, f"many-{number}")
    found = [intent.id for intent in stripe.PaymentIntent.list(customer=customer, limit=5).auto_paging_iter()]
    assert len(found) == 14 and len(set(found)) == 14 and found[-1] == first.id, found
    assert stripe.Refund.list(payment_intent=first.id).data[0].id == refund.id
    print("stripe-python reads the sandbox")


main()
