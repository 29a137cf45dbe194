"""Lets the packages of Retell and Telnyx judge signed requests, and compares each verdict with ours on the same request.

Started by `cargo xtask test` with a JSON file that says where the server is. A request that the package takes must be answered, and one
that it refuses must be turned away: whoever is wrong, the two differ.
"""

import base64
import json
import pathlib
import sys
import time
import urllib.error
import urllib.request

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from retell import Retell
from retell.lib.webhook_auth import symmetric
from telnyx import Telnyx
from telnyx.lib.webhooks_ed25519 import WebhookVerificationError, verify_ed25519

GIVEN = json.loads(pathlib.Path(sys.argv[1]).read_text())


def status(hook: str, body: bytes, headers: dict) -> int:
    request = urllib.request.Request(f"{GIVEN['url']}/hooks/{hook}", data=body, headers=headers, method="POST")
    try:
        with urllib.request.urlopen(request, timeout=20) as reply:
            return reply.status
    except urllib.error.HTTPError as error:
        return error.code


def agree(what: str, by_package: bool, by_us: int) -> None:
    assert (200 if by_package else 403) == by_us, f"{what}: the package says {by_package}, we say {by_us}"


def retell() -> None:
    client = Retell(api_key=GIVEN["retell_key"])
    inbound = {"event": "call_inbound", "event_timestamp": int(time.time() * 1000), "call_inbound": {"from_number": "+12137771234", "to_number": GIVEN["retell_number"]}}
    body = json.dumps(inbound)
    good = symmetric["sign"](body, GIVEN["retell_key"])
    stale = symmetric["sign"](body, GIVEN["retell_key"], int(time.time() * 1000) - 301_000)
    for what, text, signature in [
        ("signed", body, good),
        ("altered", body.replace("+1213", "+1214"), good),
        ("another key", body, symmetric["sign"](body, "another")),
        ("stale", body, stale),
        ("upper case", body, good.upper()),
        ("malformed", body, "v=,d="),
    ]:
        by_package = bool(client.verify(text, GIVEN["retell_key"], signature))
        agree(f"retell, {what}", by_package, status("retell/inbound", text.encode(), {"x-retell-signature": signature, "content-type": "application/json"}))


def telnyx() -> None:
    key = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(GIVEN["telnyx_seed"]))
    public = base64.b64encode(key.public_key().public_bytes_raw()).decode()
    body = f"AccountSid=f5586561-8ff0-4291-a51b-c7dfe4139ff9&CallSid=v3%3Apeer&CallStatus=ringing&ConnectionId=1&Direction=inbound&From=%2B14155550100&To={GIVEN['telnyx_number'].replace('+', '%2B')}"

    def signed(text: str, at: int, by=key) -> dict:
        signature = base64.b64encode(by.sign(f"{at}|{text}".encode())).decode()
        return {"telnyx-signature-ed25519": signature, "telnyx-timestamp": str(at), "content-type": "application/x-www-form-urlencoded"}

    client = Telnyx(api_key="unused", public_key=public)
    now = int(time.time())
    other = Ed25519PrivateKey.generate()
    for what, text, headers in [
        ("signed", body, signed(body, now)),
        ("altered", body.replace("4155", "4156"), signed(body, now)),
        ("another key", body, signed(body, now, other)),
        ("stale", body, signed(body, now - 301)),
        ("another time", body, {**signed(body, now), "telnyx-timestamp": str(now - 1)}),
    ]:
        try:
            verify_ed25519(client, text, headers, key=public)
            by_package = True
        except WebhookVerificationError:
            by_package = False
        agree(f"telnyx, {what}", by_package, status("telnyx/voice", text.encode(), headers))


if __name__ == "__main__":
    retell()
    telnyx()
    print("retell-sdk and telnyx take and refuse what we take and refuse")
