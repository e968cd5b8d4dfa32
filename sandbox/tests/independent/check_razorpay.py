"""Asks the sandbox by Razorpay's own client. Usage: check_razorpay.py http://127.0.0.1:PORT"""

import json
import sys
import urllib.request

import razorpay
from razorpay.errors import BadRequestError, SignatureVerificationError

base = sys.argv[1]
client = razorpay.Client(auth=("rzp_test_key", "secret"), base_url=base)
SECRET = "whsec_of_the_razorpay_sandbox"


def refused(act):
    try:
        act()
    except BadRequestError as error:
        return str(error)
    raise AssertionError("not refused")


def pay(order):
    body = json.dumps({"amount": 7_477, "currency": "INR", "order_id": order}).encode()
    request = urllib.request.Request(f"{base}/_sandbox/pay", body, {"content-type": "application/json"})
    return json.load(urllib.request.urlopen(request))["razorpay_payment_id"]


def main():
    order = client.order.create({"amount": 7_477, "currency": "INR", "receipt": "ours-1"})
    assert order["status"] == "created" and client.order.fetch(order["id"])["amount"] == 7_477, order
    paid = pay(order["id"])
    assert [payment["id"] for payment in client.order.payments(order["id"])["items"]] == [paid]
    assert client.payment.fetch(paid)["status"] == "authorized"
    assert "equal" in refused(lambda: client.payment.capture(paid, 5_000, {"currency": "INR"}))
    assert "captured" in refused(lambda: client.payment.refund(paid, {"amount": 100}))
    assert client.payment.capture(paid, 7_477, {"currency": "INR"})["captured"] is True
    assert "already" in refused(lambda: client.payment.capture(paid, 7_477, {"currency": "INR"}))
    key = {"headers": {"X-Refund-Idempotency": "refund-key-1"}}
    wish = {"amount": 2_000, "notes": {"refund_key": "1"}}
    first = client.payment.refund(paid, dict(wish), **{"headers": dict(key["headers"])})
    again = client.payment.refund(paid, dict(wish), **{"headers": dict(key["headers"])})
    assert first["id"] == again["id"] and first["status"] == "processed", (first, again)
    assert "greater" in refused(lambda: client.payment.refund(paid, {"amount": 5_478}))
    assert [refund["id"] for refund in client.payment.fetch_multiple_refund(paid)["items"]] == [first["id"]]
    assert client.payment.fetch(paid)["amount_refunded"] == 2_000
    hooks = json.load(urllib.request.urlopen(f"{base}/_sandbox/webhooks"))
    assert [hook["kind"] for hook in hooks] == ["payment.authorized", "payment.captured", "refund.processed"], hooks
    for hook in hooks:
        signature = dict(hook["headers"])["x-razorpay-signature"]
        client.utility.verify_webhook_signature(hook["body"], signature, SECRET)
        try:
            client.utility.verify_webhook_signature(hook["body"] + " ", signature, SECRET)
        except SignatureVerificationError:
            continue
        raise AssertionError("an altered body is believed")
    print("razorpay-python reads the sandbox")


main()
