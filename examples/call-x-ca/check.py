"""Makes the calls on standard input, for the tests: prints the status and the body of each."""

import json
import sys

from call import call

given = json.load(sys.stdin)
outcomes = []
for one in given["calls"]:
    status, body = call(one["method"], one["url"], given["key"], given["secret"], one.get("body"))
    outcomes.append({"status": status, "body": body})
print(json.dumps(outcomes))
