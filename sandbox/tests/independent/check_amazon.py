"""Asks the sandbox by python-amazon-sp-api, a client that others wrote and that knows nothing of us.

Usage: check_amazon.py http://127.0.0.1:PORT
Lists, creates, polls, downloads and parses. The first thing that is not as that client expects ends it with a trace and status 1.
"""

import csv
import io
import json
import sys
import tempfile
import urllib.request
from datetime import datetime, timedelta, timezone

BASE = sys.argv[1]
CREDENTIALS = {"refresh_token": "Atzr|independent", "lwa_app_id": "amzn1.application-oa2-client.x", "lwa_client_secret": "x"}

from sp_api.api import FinancesV20240619, FinancesV0, FulfillmentInboundV0, Inventories, OrdersV0, ProductFees, ReportsV2, Sellers  # noqa: E402
from sp_api.auth import AccessTokenClient  # noqa: E402
from sp_api.base import Marketplaces  # noqa: E402
from sp_api.base.exceptions import SellingApiBadRequestException, SellingApiRequestThrottledException  # noqa: E402

# The one thing that is changed about the client: where it goes to.
AccessTokenClient.scheme, AccessTokenClient.host = "http://", BASE.removeprefix("http://")


def client(kind, marketplace=Marketplaces.US):
    class Here(kind):
        @property
        def headers(self):
            return {**super().headers, "host": BASE.removeprefix("http://")}

    made = Here(marketplace=marketplace, credentials=CREDENTIALS, refresh_token=CREDENTIALS["refresh_token"])
    made.endpoint = BASE
    return made


def control(path, body=None):
    data = json.dumps(body).encode() if body is not None else None
    request = urllib.request.Request(BASE + path, data=data, headers={"content-type": "application/json"})
    with urllib.request.urlopen(request) as answer:
        text = answer.read()
    return json.loads(text) if text else None


def report(reports, kind, marketplace, **wish):
    created = reports.create_report(reportType=kind, marketplaceIds=[marketplace.marketplace_id], **wish)
    states = []
    for _ in range(10):
        answer = reports.get_report(created.payload["reportId"]).payload
        states.append(answer["processingStatus"])
        if states[-1] in ("DONE", "CANCELLED", "FATAL"):
            return answer, states
    raise AssertionError(f"never through: {states}")


def rows_of(reports, kind, marketplace):
    answer, states = report(reports, kind, marketplace)
    assert states == ["IN_QUEUE", "IN_PROGRESS", "DONE"], states
    with tempfile.NamedTemporaryFile() as file:
        document = reports.get_report_document(answer["reportDocumentId"], download=True, file=file.name)
        text = document.payload.get("document")
        if text is None:
            with open(file.name, encoding=document.character_code, newline="") as again:
                text = again.read()
    return document, list(csv.DictReader(io.StringIO(text), delimiter="\t"))


def main():
    now = datetime.fromisoformat(control("/_sandbox/clock")["now"].replace("Z", "+00:00"))
    sold = client(Sellers).get_marketplace_participation().payload
    assert sold[0]["marketplace"]["id"] == "ATVPDKIKX0DER", sold

    for marketplace, charset in [(Marketplaces.US, "utf-8"), (Marketplaces.DE, "cp1252")]:
        reports = client(ReportsV2, marketplace)
        document, rows = rows_of(reports, "GET_LEDGER_DETAIL_VIEW_DATA", marketplace)
        assert document.character_code.lower().replace("utf8", "utf-8") == charset, document.character_code
        assert len(rows) > 200 and rows[0]["Date"] and rows[0]["FNSKU"], rows[:1]
        _, rows = rows_of(reports, "GET_FBA_FULFILLMENT_CUSTOMER_RETURNS_DATA", marketplace)
        assert any("\u2019" in row["customer-comments"] for row in rows), "apostrophes are lost"
        _, rows = rows_of(reports, "GET_FBA_REIMBURSEMENTS_DATA", marketplace)
        assert ("," if marketplace is Marketplaces.DE else ".") in rows[0]["amount-total"], rows[0]
    _, days = rows_of(client(ReportsV2), "GET_LEDGER_SUMMARY_VIEW_DATA", Marketplaces.US)
    moved = list(days[0])[list(days[0]).index("Receipts") : list(days[0]).index("Ending Warehouse Balance")] + ["Unknown Events"]
    for day in days:
        end = int(day["Starting Warehouse Balance"]) + sum(int(day[name]) for name in moved)
        assert end == int(day["Ending Warehouse Balance"]), day
    reports = client(ReportsV2)
    empty, _ = report(reports, "GET_LEDGER_DETAIL_VIEW_DATA", Marketplaces.US, dataStartTime="2019-01-01", dataEndTime="2019-01-02")
    assert empty["processingStatus"] == "CANCELLED", empty
    settled = reports.get_reports(
        reportTypes=["GET_V2_SETTLEMENT_REPORT_DATA_FLAT_FILE_V2"], createdSince=(now - timedelta(days=80)).isoformat(), pageSize=2
    )
    assert len(settled.payload["reports"]) == 2 and settled.next_token, settled
    more = reports.get_reports(nextToken=settled.next_token)
    assert len(more.payload["reports"]) == 2, more

    since = (now - timedelta(days=170)).strftime("%Y-%m-%dT%H:%M:%SZ")
    events = client(FinancesV0).list_financial_events(PostedAfter=since, MaxResultsPerPage=100)
    assert events.payload["FinancialEvents"]["ShipmentEventList"] and events.next_token, events
    told = client(FinancesV20240619).list_transactions(postedAfter=since)
    assert told.payload["transactions"][0]["totalAmount"]["currencyCode"] == "USD", told
    orders = client(OrdersV0).get_orders(CreatedAfter=since, MaxResultsPerPage=5)
    assert len(orders.payload["Orders"]) == 5 and orders.next_token, orders
    one = client(OrdersV0).get_order(orders.payload["Orders"][0]["AmazonOrderId"])
    assert one.payload["OrderTotal"]["CurrencyCode"] == "USD", one
    stock = client(Inventories).get_inventory_summary_marketplace(details=True)
    for article in stock.payload["inventorySummaries"]:
        # Everything began with 200 pieces, some of which moved since; what can be sold is a part of what is there.
        assert 0 < article["inventoryDetails"]["fulfillableQuantity"] <= article["totalQuantity"], article
    fees = client(ProductFees).get_product_fees_estimate_for_sku("US-SKU-001", price=20, currency="USD", is_fba=True)
    assert fees.payload["FeesEstimateResult"]["Status"] == "Success", fees
    inbound = client(FulfillmentInboundV0).get_shipments(QueryType="SHIPMENT", ShipmentStatusList="CLOSED", MarketplaceId="ATVPDKIKX0DER")
    assert inbound.payload["ShipmentData"][0]["ShipmentStatus"] == "CLOSED", inbound

    try:
        reports.create_report(reportType="GET_NO_SUCH_THING")
        raise AssertionError("an unknown report was made")
    except SellingApiBadRequestException as error:
        assert error.code == 400 and error.error, error
    control("/_sandbox/faults", {"operation": "getReports", "kind": "throttle", "times": 1})
    try:
        reports.get_reports(reportTypes=["GET_FBA_REIMBURSEMENTS_DATA"])
        raise AssertionError("nothing was throttled")
    except SellingApiRequestThrottledException as error:
        assert error.code == 429, error
    print(f"python-amazon-sp-api reads the sandbox ({datetime.now(timezone.utc):%H:%M:%S})")


main()
