"""Verifies our webhooks by the convention's own library. Usage: check_webhooks.py http://127.0.0.1:PORT"""

import json
import sys
import time
import urllib.request
from datetime import datetime, timezone

from standardwebhooks.webhooks import Webhook, WebhookVerificationError

FORMER, PRESENT, OTHER = ("whsec_" + text for text in (
    "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "C2FVsBQIhrscChlQIMV+b5sSYspob7oD", "plJ3nmyCDGBKInavdOK15jsl1qZB2g8="))


def signed(secrets, payload, timestamp):
    wish = json.dumps({"secrets": secrets, "id": "msg_7", "timestamp": timestamp, "payload": payload}).encode()
    request = urllib.request.Request(sys.argv[1] + "/sign", wish, {"content-type": "application/json"})
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)


def refused(secret, payload, headers):
    try:
        Webhook(secret).verify(payload, headers)
    except WebhookVerificationError:
        return
    raise AssertionError("it is believed")


def main():
    now = int(time.time())
    payload = json.dumps({"type": "order.placed", "timestamp": "2026-11-20T12:00:00Z", "data": {"order_id": "ü"}}, ensure_ascii=False)
    headers = signed([PRESENT], payload, now)
    assert Webhook(PRESENT).verify(payload, headers)["data"]["order_id"] == "ü"
    assert Webhook(PRESENT).sign("msg_7", datetime.fromtimestamp(now, timezone.utc), payload) == headers["webhook-signature"]
    refused(OTHER, payload, headers)
    refused(PRESENT, payload.replace("placed", "paid"), headers)
    refused(PRESENT, payload, {**headers, "webhook-id": "msg_8"})
    refused(PRESENT, payload, signed([PRESENT], payload, now - 3600))
    # While a secret is rotated both know it.
    both = signed([PRESENT, FORMER], payload, now)
    for secret in (PRESENT, FORMER):
        Webhook(secret).verify(payload, both)
    refused(OTHER, payload, both)
    print("standardwebhooks believes our webhooks")


main()
