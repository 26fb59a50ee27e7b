"""Verifies webhooks with the PyPI library `standardwebhooks`, as its users do.

In, as JSON on standard input: {secret, messages: [{headers, body}]}. Out: [error or null].
The library takes timestamps of the last and the next five minutes; each message is verified at the time it was sent, since
the sender's clock was moved.
"""

import datetime
import json
import sys
from unittest import mock

from standardwebhooks import webhooks


def verify(secret, headers, body):
    sent = datetime.datetime.fromtimestamp(int(headers["webhook-timestamp"]), datetime.timezone.utc)
    with mock.patch.object(webhooks, "datetime", wraps=datetime.datetime) as clock:
        clock.now.return_value = sent
        try:
            webhooks.Webhook(secret).verify(body, headers)
        except webhooks.WebhookVerificationError as error:
            return str(error)
    return None


given = json.load(sys.stdin)
print(json.dumps([verify(given["secret"], message["headers"], message["body"]) for message in given["messages"]]))
