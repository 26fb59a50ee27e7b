"""Verifies the requests on standard input, for the tests: prints for each why it is not the gateway's, or null."""

import json
import sys

from verify import NotTheGateways, verify


def reason(case, secret, product):
    request = dict(case["request"], body=(case["request"].get("body") or "").encode())
    try:
        verify(request, secret, product, case["now"])
    except NotTheGateways as error:
        return str(error)


given = json.load(sys.stdin)
print(json.dumps([reason(case, given["secret"], given["product"]) for case in given["requests"]]))
