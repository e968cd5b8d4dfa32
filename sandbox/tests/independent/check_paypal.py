"""Asks the sandbox by PayPal's own client. Usage: check_paypal.py http://127.0.0.1:PORT"""

import sys
import urllib.request

from paypalserversdk.configuration import Configuration, Environment, Server
from paypalserversdk.exceptions.error_exception import ErrorException
from paypalserversdk.http.auth.o_auth_2 import ClientCredentialsAuthCredentials
from paypalserversdk.models.amount_with_breakdown import AmountWithBreakdown
from paypalserversdk.models.capture_request import CaptureRequest
from paypalserversdk.models.checkout_payment_intent import CheckoutPaymentIntent
from paypalserversdk.models.money import Money
from paypalserversdk.models.order_authorize_request import OrderAuthorizeRequest
from paypalserversdk.models.order_authorize_request_payment_source import OrderAuthorizeRequestPaymentSource
from paypalserversdk.models.order_request import OrderRequest
from paypalserversdk.models.purchase_unit_request import PurchaseUnitRequest
from paypalserversdk.models.refund_request import RefundRequest
from paypalserversdk.models.token import Token
from paypalserversdk.models.token_type import TokenType
from paypalserversdk.paypal_serversdk_client import PaypalServersdkClient

base = sys.argv[1]
Configuration.environments[Environment.SANDBOX][Server.DEFAULT] = base
client = PaypalServersdkClient(
    environment=Environment.SANDBOX,
    client_credentials_auth_credentials=ClientCredentialsAuthCredentials(o_auth_client_id="id", o_auth_client_secret="secret"),
)
orders, payments = client.orders, client.payments
WHOLE = "return=representation"


def issue(act):
    try:
        act()
    except ErrorException as error:
        return error.details[0].issue
    raise AssertionError("not refused")


def new_order(key, value="74.77"):
    unit = PurchaseUnitRequest(amount=AmountWithBreakdown(currency_code="USD", value=value), custom_id="ours-1")
    body = OrderRequest(intent=CheckoutPaymentIntent.AUTHORIZE, purchase_units=[unit])
    return orders.create_order({"body": body, "paypal_request_id": key, "prefer": WHOLE}).body


def authorize(order, key, token=None):
    body = OrderAuthorizeRequest()
    if token:
        saved = Token(id=token, mtype=TokenType.BILLING_AGREEMENT)
        body = OrderAuthorizeRequest(payment_source=OrderAuthorizeRequestPaymentSource(token=saved))
    return orders.authorize_order({"id": order, "body": body, "paypal_request_id": key, "prefer": WHOLE}).body


def capture(authorization, value, invoice, last=False):
    body = CaptureRequest(amount=Money(currency_code="USD", value=value), invoice_id=invoice, final_capture=last)
    return payments.capture_authorized_payment(
        {"authorization_id": authorization, "body": body, "paypal_request_id": invoice, "prefer": WHOLE}
    ).body


def refund(taken, value, key):
    body = RefundRequest(amount=Money(currency_code="USD", value=value), custom_id=key)
    return payments.refund_captured_payment(
        {"capture_id": taken, "body": body, "paypal_request_id": key, "prefer": WHOLE}
    ).body


def main():
    order = new_order("order-1")
    assert order.status == "CREATED" and new_order("order-1").id == order.id, order
    assert issue(lambda: authorize(order.id, "early")) == "ORDER_NOT_APPROVED"
    request = urllib.request.Request(f"{base}/_sandbox/approve/{order.id}", method="POST")
    urllib.request.urlopen(request).read()
    held = authorize(order.id, "hold-1")
    authorization = held.purchase_units[0].payments.authorizations[0]
    assert held.status == "COMPLETED" and authorization.status == "CREATED", held
    assert authorization.amount.value == "74.77" and authorization.custom_id == "ours-1", authorization
    again = authorize(order.id, "hold-1")
    assert again.purchase_units[0].payments.authorizations[0].id == authorization.id, "the same request holds once"
    assert issue(lambda: authorize(order.id, "hold-2")) == "ORDER_ALREADY_AUTHORIZED"
    first = capture(authorization.id, "50.00", "ship-1")
    assert first.status == "COMPLETED" and capture(authorization.id, "50.00", "ship-1").id == first.id
    assert payments.get_authorized_payment({"authorization_id": authorization.id}).body.status == "PARTIALLY_CAPTURED"
    assert issue(lambda: capture(authorization.id, "24.78", "ship-2")) == "MAX_CAPTURE_AMOUNT_EXCEEDED"
    second = capture(authorization.id, "24.77", "ship-3", last=True)
    assert issue(lambda: capture(authorization.id, "1.00", "ship-4")) == "AUTHORIZATION_ALREADY_CAPTURED"
    back = refund(first.id, "20.00", "back-1")
    assert back.status == "COMPLETED" and refund(first.id, "20.00", "back-1").id == back.id, back
    assert issue(lambda: refund(first.id, "30.01", "back-2")) == "REFUND_AMOUNT_EXCEEDED"
    assert payments.get_captured_payment({"capture_id": first.id}).body.status == "PARTIALLY_REFUNDED"
    done = orders.get_order({"id": order.id}).body.purchase_units[0].payments
    assert [taken.id for taken in done.captures] == [first.id, second.id], done
    assert [given.custom_id for given in done.refunds] == ["back-1"], done
    other = new_order("order-2")
    assert issue(lambda: authorize(other.id, "no", token="declined-card")) == "INSTRUMENT_DECLINED"
    freed = authorize(other.id, "yes", token="saved-card").purchase_units[0].payments.authorizations[0]
    payments.void_payment({"authorization_id": freed.id, "paypal_request_id": "void-1", "prefer": WHOLE})
    assert payments.get_authorized_payment({"authorization_id": freed.id}).body.status == "VOIDED"
    assert issue(lambda: capture(freed.id, "1.00", "ship-5")) == "AUTHORIZATION_VOIDED"
    print("paypal-server-sdk reads the sandbox")


main()
