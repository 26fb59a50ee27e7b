"""Signs calls with the PyPI library `http-message-signatures`, as its users do, changes them on their way where it is told to,
sends them and prints what came back.

In, as JSON on standard input: {key, secret, calls: [{method, url, headers, body, covers, parameters, sent}]}, where `sent`
replaces method, url, headers or body after signing; without `covers` the library's own choice is covered.
Out: [{status, headers, body}].
"""

import datetime
import json
import sys

import requests
from http_message_signatures import HTTPMessageSigner, MappingKeyResolver, algorithms


def send(session, key, secret, call):
    headers, body = call.get("headers", {}), call.get("body")
    body = None if body is None else body.encode()
    request = session.prepare_request(requests.Request(call["method"], call["url"], headers=headers, data=body))
    keys = MappingKeyResolver(public_keys={}, private_keys={key: secret.encode()})
    signer = HTTPMessageSigner(signature_algorithm=algorithms.HMAC_SHA256, key_resolver=keys)
    options = dict(call.get("parameters", {}))
    for name in ("created", "expires"):
        if name in options:
            options[name] = datetime.datetime.fromtimestamp(options[name], datetime.timezone.utc)
    if "covers" in call:
        options["covered_component_ids"] = call["covers"]
    if body is not None:
        options["body"] = body
    signer.sign(request, key_id=key, **options)

    sent = call.get("sent", {})
    request.method = sent.get("method", request.method)
    request.url = sent.get("url", request.url)
    request.headers.update(sent.get("headers", {}))
    if "body" in sent:
        request.prepare_body(sent["body"].encode(), None)
    answer = session.send(request, allow_redirects=False)
    return {"status": answer.status_code, "headers": dict(answer.headers), "body": answer.text}


given = json.load(sys.stdin)
with requests.Session() as session:
    answers = [send(session, given["key"], given["secret"], call) for call in given["calls"]]
print(json.dumps(answers))
