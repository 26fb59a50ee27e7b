// Signs calls with the npm library `http-message-signatures`, as its users do. It changes them on their way where it is told to,
// sends them and prints what came back.
//
// In, as JSON on standard input: {key, secret, calls: [{method, url, headers, body, covers, parameters, sent}]}, where `sent`
// replaces method, url, headers or body after signing. Out: [{status, headers, body}].

import { createHash } from "node:crypto";
import { createSigner, defaultParams, httpbis } from "http-message-signatures";

async function send(key, secret, call) {
  const { method, url, body, covers, parameters = {}, sent = {} } = call;
  const headers = { ...call.headers };
  if (body) headers["Content-Digest"] = `sha-256=:${createHash("sha256").update(body).digest("base64")}:`;
  const paramValues = { ...parameters };
  for (const name of ["created", "expires"]) if (paramValues[name]) paramValues[name] = new Date(paramValues[name] * 1000);
  const signed = await httpbis.signMessage(
    {
      key: createSigner(secret, "hmac-sha256", key),
      fields: covers,
      params: [...defaultParams, ...Object.keys(parameters).filter((name) => !defaultParams.includes(name))],
      paramValues,
    },
    { method, url, headers },
  );
  const answer = await fetch(sent.url ?? url, {
    method: sent.method ?? method,
    headers: { ...signed.headers, ...sent.headers },
    body: sent.body ?? body,
  });
  return { status: answer.status, headers: Object.fromEntries(answer.headers), body: await answer.text() };
}

let text = "";
for await (const chunk of process.stdin) text += chunk;
const { key, secret, calls } = JSON.parse(text);
const answers = [];
for (const call of calls) answers.push(await send(key, secret, call));
process.stdout.write(JSON.stringify(answers));
