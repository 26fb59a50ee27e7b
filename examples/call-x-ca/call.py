"""Calls a product that takes x-ca signatures from Python, without a package.

    FAREBOX_KEY=ak_… FAREBOX_SECRET=… python3 call.py GET 'http://127.0.0.1:8787/demo/hello?name=you'
    FAREBOX_KEY=ak_… FAREBOX_SECRET=… python3 call.py POST http://127.0.0.1:8787/demo/hello '{"name":"you"}'
"""

import base64
import hashlib
import hmac
import os
import sys
import time
import urllib.error
import urllib.request
import uuid
from urllib.parse import parse_qsl, urlsplit

SIGNED = ["x-ca-key", "x-ca-nonce", "x-ca-timestamp"]


def sign(method, url, key, secret, body=None, content_type="application/json"):
    """The header fields of a signed call. A `body` is text that is no form: a form's fields would be signed too."""
    parts = urlsplit(url)
    headers = {
        "accept": "application/json",
        "x-ca-key": key,
        "x-ca-nonce": str(uuid.uuid4()),
        "x-ca-timestamp": str(int(time.time() * 1000)),
    }
    if body is not None:
        headers["content-type"] = content_type
        headers["content-md5"] = base64.b64encode(hashlib.md5(body.encode()).digest()).decode()
    # A name that comes twice counts once, with its first value; a value that is empty leaves its name alone.
    values = {}
    for name, value in parse_qsl(parts.query, keep_blank_values=True):
        values.setdefault(name, value)
    parameters = "&".join(name if value == "" else f"{name}={value}" for name, value in sorted(values.items()))
    text = "\n".join(
        [
            method,
            headers["accept"],
            headers.get("content-md5", ""),
            headers.get("content-type", ""),
            "",  # no Date
            *(f"{name}:{headers[name]}" for name in SIGNED),
            parts.path + ("?" + parameters if parameters else ""),
        ]
    )
    headers["x-ca-signature-headers"] = ",".join(SIGNED)
    digest = hmac.new(secret.encode(), text.encode(), hashlib.sha256).digest()
    headers["x-ca-signature"] = base64.b64encode(digest).decode()
    return headers


def call(method, url, key, secret, body=None):
    """Signs a call, sends it, and gives its status and its body."""
    data = None if body is None else body.encode()
    request = urllib.request.Request(url, data, sign(method, url, key, secret, body), method=method)
    try:
        with urllib.request.urlopen(request) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


if __name__ == "__main__":
    method, url, *body = sys.argv[1:]
    print(*call(method, url, os.environ["FAREBOX_KEY"], os.environ["FAREBOX_SECRET"], *body))
