// Makes the calls on standard input, for the tests: prints the status and the body of each.

import { text } from "node:stream/consumers";
import { call } from "./call.mjs";

const { key, secret, calls } = JSON.parse(await text(process.stdin));
const outcomes = [];
for (const { method, url, body } of calls) {
  const answer = await call(method, url, { key, secret, body });
  outcomes.push({ status: answer.status, body: await answer.text() });
}
console.log(JSON.stringify(outcomes));
