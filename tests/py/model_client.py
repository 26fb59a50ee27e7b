"""Calls with PyPI's `openai` as its users do, with nothing set but base URL and key, and prints what it returned or raised.

In, as JSON on standard input: {openai: base URL, key}. Out: {name: {result} or {error: {status, name}}}.
"""

import json
import sys

from openai import APIStatusError, OpenAI

given = json.load(sys.stdin)
client = OpenAI(base_url=given["openai"], api_key=given["key"])
asked = {"model": "demo", "messages": [{"role": "user", "content": "h\u00e9llo"}]}


def stream():
    chunks = client.chat.completions.create(**asked, stream=True)
    return "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)


calls = {
    "openai models": lambda: client.models.list().data[0].id,
    "openai whole": lambda: client.chat.completions.create(**asked).choices[0].message.content,
    "openai stream": stream,
}
outcomes = {}
for name, call in calls.items():
    try:
        outcomes[name] = {"result": call()}
    except APIStatusError as error:
        outcomes[name] = {"error": {"name": type(error).__name__, "status": error.status_code}}
print(json.dumps(outcomes))
