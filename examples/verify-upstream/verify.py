"""Verifies in Python that a request comes from your Farebox gateway: HTTP Message Signatures (RFC 9421) with HMAC-SHA256.

The secret is what `farebox product secret PRODUCT` prints. No package is needed.
"""

import base64
import hashlib
import hmac
import re
import time

INPUT = re.compile(
    r'farebox=(\((?P<covered>"[a-z0-9@" -]*")\);created=(?P<created>\d{1,15});expires=(?P<expires>\d{1,15})'
    r';keyid="(?P<product>[A-Za-z0-9._-]+)";alg="hmac-sha256")',
    re.ASCII,
)
NEEDED = ["@method", "@authority", "@path", "@query", "farebox"]

# A member of the dictionary of who calls (RFC 9651, section 3.2), all of whose values are strings without escapes.
MEMBER = re.compile(r'([a-z]+)="([^"\\]*)"')

# How far your clock and the gateway's may differ, in seconds.
CLOCKS_DIFFER = 30


class NotTheGateways(Exception):
    """The request does not come from the gateway, or not from this product, or not now."""


def verify(request, secret, product, now=None):
    """`request` has method, path, query, headers and body as they arrived: path and query not decoded, names of headers in
    lower case, the body as bytes. Raises `NotTheGateways`; else gives who calls."""
    now = int(time.time()) if now is None else now
    headers = request["headers"]
    given = INPUT.fullmatch(headers.get("signature-input", ""))
    if not given:
        raise NotTheGateways("there is no signature of the gateway's")
    names = [name[1:-1] for name in given["covered"].split(" ")]
    if len(set(names)) != len(names):
        raise NotTheGateways("a component is covered twice")
    for name in NEEDED:
        if name not in names:
            raise NotTheGateways(f"{name} is not covered")

    parts = {
        "@method": request["method"],
        "@authority": headers.get("host", "").lower(),
        "@path": request["path"],
        "@query": "?" + (request.get("query") or ""),
    }
    base = ""
    for name in names:
        value = parts.get(name) if name.startswith("@") else headers.get(name)
        if value is None:
            raise NotTheGateways(f"{name} is covered and not there")
        base += f'"{name}": {value.strip()}\n'
    base += '"@signature-params": ' + given[1]
    right = hmac.new(secret.encode(), base.encode(), hashlib.sha256).digest()
    expected = "farebox=:" + base64.b64encode(right).decode() + ":"
    if not hmac.compare_digest(headers.get("signature", "").encode(), expected.encode()):
        raise NotTheGateways("the signature is wrong")

    caller = dict(MEMBER.findall(headers["farebox"]))
    if given["product"] != product or caller.get("product") != product:
        raise NotTheGateways("it is another product's")
    if int(given["created"]) > now + CLOCKS_DIFFER:
        raise NotTheGateways("it is of the future")
    if int(given["expires"]) < now - CLOCKS_DIFFER:
        raise NotTheGateways("it has expired")
    if "content-digest" in names:
        digest = base64.b64encode(hashlib.sha256(request.get("body") or b"").digest()).decode()
        if headers["content-digest"] != f"sha-256=:{digest}:":
            raise NotTheGateways("the body is another")
    return {name: caller[name] for name in ("account", "credential", "request")}
