// Verifies on Node that a request comes from your Farebox gateway: HTTP Message Signatures (RFC 9421) with HMAC-SHA256.
//
// The secret is what `farebox product secret PRODUCT` prints. No package is needed.

import { createHash, createHmac, timingSafeEqual } from "node:crypto";

const LABEL = /^farebox=(\((?<covered>"[a-z0-9@" -]*")\);created=(?<created>\d{1,15});expires=(?<expires>\d{1,15});keyid="(?<product>[A-Za-z0-9._-]+)";alg="hmac-sha256")$/;
const NEEDED = ["@method", "@authority", "@path", "@query", "farebox"];
// A member of the dictionary of who calls (RFC 9651, section 3.2), all of whose values are strings without escapes.
const MEMBER = /([a-z]+)="([^"\\]*)"/g;

/// How far your clock and the gateway's may differ, in seconds.
const CLOCKS_DIFFER = 30;

/// `request`: { method, path, query, headers, body }, as it arrived: path and query not decoded, names of headers in lower case,
/// the body as text or bytes. `now` is in seconds. Throws when the request is not the gateway's; else gives who calls.
export function verify(request, { secret, product, now = Math.floor(Date.now() / 1000) }) {
  const { headers } = request;
  const input = LABEL.exec(headers["signature-input"] ?? "")?.groups;
  if (!input) throw new Error("there is no signature of the gateway's");
  const names = input.covered.split(" ").map((name) => name.slice(1, -1));
  if (new Set(names).size !== names.length) throw new Error("a component is covered twice");
  const body = Buffer.from(request.body ?? "");
  const missing = NEEDED.find((name) => !names.includes(name));
  if (missing) throw new Error(`${missing} is not covered`);

  const parts = {
    "@method": request.method,
    "@authority": (headers.host ?? "").toLowerCase(),
    "@path": request.path,
    "@query": `?${request.query ?? ""}`,
  };
  const line = (name) => {
    const value = name.startsWith("@") ? parts[name] : headers[name];
    if (value === undefined) throw new Error(`${name} is covered and not there`);
    return `"${name}": ${value.trim()}\n`;
  };
  const parameters = headers["signature-input"].slice("farebox=".length);
  const base = `${names.map(line).join("")}"@signature-params": ${parameters}`;
  const right = createHmac("sha256", secret).update(base).digest();
  const given = /^farebox=:([A-Za-z0-9+/]{43}=):$/.exec(headers.signature ?? "");
  if (!given || !timingSafeEqual(Buffer.from(given[1], "base64"), right)) throw new Error("the signature is wrong");

  const caller = Object.fromEntries([...headers.farebox.matchAll(MEMBER)].map(([, name, value]) => [name, value]));
  if (input.product !== product || caller.product !== product) throw new Error("it is another product's");
  if (Number(input.created) > now + CLOCKS_DIFFER) throw new Error("it is of the future");
  if (Number(input.expires) < now - CLOCKS_DIFFER) throw new Error("it has expired");
  if (names.includes("content-digest")) {
    const digest = `sha-256=:${createHash("sha256").update(body).digest("base64")}:`;
    if (headers["content-digest"] !== digest) throw new Error("the body is another");
  }
  return { account: caller.account, credential: caller.credential, request: caller.request };
}
