"""Asks the sandbox by EasyPost's own client. Usage: check_easypost.py http://127.0.0.1:PORT"""

import sys

import easypost

client = easypost.EasyPostClient("EZTKindependent", api_base=f"{sys.argv[1]}/v2")

HERE = {"name": "East", "street1": "1 Main Street", "city": "Springfield", "state": "IL", "zip": "12345", "country": "US"}
THERE = {**HERE, "name": "Ann Example", "street1": "2 Side Street"}


def refused(act):
    try:
        act()
    except easypost.errors.api.ApiError as error:
        return error
    raise AssertionError("it was not refused")


def main():
    made = client.shipment.create(reference="ours-1", from_address=HERE, to_address=THERE, parcel={"weight": 14.2})
    assert made.id.startswith("shp_") and len(made.rates) == 5, made
    cheapest = made.lowest_rate()
    assert (cheapest.carrier, cheapest.service, cheapest.rate) == ("USPS", "GroundAdvantage", "6.43"), cheapest
    assert client.shipment.retrieve("ours-1").id == made.id, "our reference stands for its id"
    bought = client.shipment.buy(made.id, rate=cheapest)
    assert bought.postage_label.label_url.endswith(".png") and bought.tracking_code, bought
    assert bought.selected_rate.id == cheapest.id and bought.tracker.status == "pre_transit", bought
    again = refused(lambda: client.shipment.buy(made.id, rate=cheapest))
    assert again.http_status == 422 and again.code == "SHIPMENT.POSTAGE.EXISTS", again
    assert client.tracker.retrieve(bought.tracker.id).tracking_code == bought.tracking_code
    assert client.tracker.all(tracking_code=bought.tracking_code).trackers[0].id == bought.tracker.id
    assert client.shipment.refund(made.id).refund_status == "submitted"
    assert refused(lambda: client.shipment.retrieve("nobody's")).http_status == 404
    assert refused(lambda: client.shipment.create(from_address={}, to_address=THERE, parcel={"weight": 1})).http_status == 422
    print("easypost's client reads the sandbox")


main()
