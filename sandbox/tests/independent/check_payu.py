"""Asks the sandbox with the hashes of PayU's own client. Usage: check_payu.py http://127.0.0.1:PORT

PayU's client makes hashes and posts to one fixed address, so the requests are made here, after PayU's published reference.
"""

import hashlib
import json
import re
import sys
import types
import urllib.parse
import urllib.request

# The client imports a module that recent Pythons do not have, and does not use it.
sys.modules.setdefault("pkg_resources", types.ModuleType("pkg_resources"))
import payu_sdk  # noqa: E402

base, KEY, SALT = sys.argv[1], "gtKFFx", "salt_of_the_payu_sandbox"
payu_sdk.payUClient({"key": KEY, "salt": SALT})


def post(path, form):
    body = urllib.parse.urlencode(form).encode()
    return urllib.request.urlopen(urllib.request.Request(base + path, body)).read().decode()


def command(name, *variables):
    form = {"key": KEY, "command": name, "hash": payu_sdk.Hasher.APIHash({"command": name, "var1": variables[0]})}
    form.update({f"var{at}": value for at, value in enumerate(variables, 1)})
    return json.loads(post("/merchant/postservice.php?form=2", form))


def pay(txnid, amount, firstname="Ann"):
    form = {"key": KEY, "txnid": txnid, "amount": amount, "productinfo": "order", "firstname": firstname,
            "email": "ann@example.com", "phone": "9999999999", "surl": "https://x.example/s", "furl": "https://x.example/f"}
    page = post("/_payment", form | {"hash": payu_sdk.Hasher.generate_hash(form)})
    return dict(re.findall(r'name="([^"]*)" value="([^"]*)"', page))


def main():
    back = pay("ours-1", "74.77")
    assert back["status"] == "success" and back["unmappedstatus"] == "auth", back
    # The client's own check of an answer leaves the status out; PayU's reference has it after the salt.
    text = f"{SALT}|{back['status']}|||||||||||{back['email']}|{back['firstname']}|{back['productinfo']}|{back['amount']}|{back['txnid']}|{KEY}"
    assert hashlib.sha512(text.encode()).hexdigest() == back["hash"], back
    paid = back["mihpayid"]
    found = command("verify_payment", "ours-1")["transaction_details"]["ours-1"]
    assert (found["mihpayid"], found["amt"], found["unmappedstatus"]) == (paid, "74.77", "auth"), found
    assert command("verify_payment", "ours-2")["transaction_details"]["ours-2"]["status"] == "Not Found"
    assert command("cancel_refund_transaction", paid, "early", "1.00")["status"] == 0
    assert command("capture_transaction", paid, "take-1", "74.78")["status"] == 0
    taken = command("capture_transaction", paid, "take-2", "74.77")
    assert taken["status"] == 1 and taken["request_id"], taken
    assert command("capture_transaction", paid, "take-3", "74.77")["error_code"] == "301"
    assert command("cancel_refund_transaction", paid, "back-1", "20.00")["status"] == 1
    assert command("cancel_refund_transaction", paid, "back-1", "20.00")["error_code"] == "106"
    assert command("cancel_refund_transaction", paid, "back-2", "54.78")["status"] == 0
    actions = command("check_action_status", paid, "payuid")["transaction_details"][paid].values()
    assert sorted((one["action"], one["amt"], one["token"]) for one in actions) == [
        ("capture", "74.77", "take-2"), ("refund", "20.00", "back-1"),
    ], actions
    other = pay("ours-3", "10.00")["mihpayid"]
    assert command("cancel_transaction", other, "free-1", "10.00")["status"] == 1
    assert command("verify_payment", "ours-3")["transaction_details"]["ours-3"]["unmappedstatus"] == "cancelled"
    assert pay("ours-4", "10.00", firstname="Declined")["status"] == "failure"
    hooks = json.load(urllib.request.urlopen(f"{base}/_sandbox/webhooks"))
    assert [hook["kind"] for hook in hooks] == ["success", "success", "failure"], hooks
    wrong = {"key": KEY, "command": "verify_payment", "var1": "ours-1", "hash": "0" * 128}
    assert json.loads(post("/merchant/postservice.php?form=2", wrong))["msg"] == "Invalid Hash."
    print("payu-sdk's hashes fit the sandbox")


main()
