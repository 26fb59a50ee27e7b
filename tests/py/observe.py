"""Reads what the gateway shows to other systems, with the libraries that those are made of.

In, as JSON on standard input: {metrics, events}: the text that Prometheus scrapes, and a batch of CloudEvents. Out:
{"samples": [[name, labels, value]], "events": [[id, subject, data]]}. Fails where either is not in its form.
"""

import json
import sys

from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent
from prometheus_client.parser import text_string_to_metric_families

given = json.load(sys.stdin)
samples = [
    [sample.name, sample.labels, sample.value]
    for family in text_string_to_metric_families(given["metrics"])
    for sample in family.samples
]
events = []
for event in given["events"]:
    read = JSONFormat().read(CloudEvent, json.dumps(event))
    events.append([read.get_id(), read.get_subject(), read.get_data()])
print(json.dumps({"samples": samples, "events": events}))
