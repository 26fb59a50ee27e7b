// Calls a product that takes x-ca signatures from Node, without a package.
//
//     FAREBOX_KEY=ak_… FAREBOX_SECRET=… node call.mjs GET 'http://127.0.0.1:8787/demo/hello?name=you'
//     FAREBOX_KEY=ak_… FAREBOX_SECRET=… node call.mjs POST http://127.0.0.1:8787/demo/hello '{"name":"you"}'

import { createHash, createHmac, randomUUID } from "node:crypto";
import { pathToFileURL } from "node:url";

const SIGNED = ["x-ca-key", "x-ca-nonce", "x-ca-timestamp"];

/// The header fields of a signed call. A `body` is text that is no form: a form's fields would be signed too.
export function sign(method, url, { key, secret, body, contentType = "application/json", now = Date.now(), nonce = randomUUID() }) {
  const { pathname, searchParams } = new URL(url);
  const headers = { accept: "application/json", "x-ca-key": key, "x-ca-nonce": nonce, "x-ca-timestamp": String(now) };
  if (body !== undefined) {
    headers["content-type"] = contentType;
    headers["content-md5"] = createHash("md5").update(body).digest("base64");
  }
  // A name that comes twice counts once, with its first value; a value that is empty leaves its name alone.
  const parameters = [...new Set(searchParams.keys())].sort().map((name) => {
    const value = searchParams.get(name);
    return value === "" ? name : `${name}=${value}`;
  });
  const text = [
    method,
    headers.accept,
    headers["content-md5"] ?? "",
    headers["content-type"] ?? "",
    "", // no Date
    ...SIGNED.map((name) => `${name}:${headers[name]}`),
    pathname + (parameters.length === 0 ? "" : `?${parameters.join("&")}`),
  ].join("\n");
  headers["x-ca-signature-headers"] = SIGNED.join(",");
  headers["x-ca-signature"] = createHmac("sha256", secret).update(text).digest("base64");
  return headers;
}

/// Signs a call and sends it.
export function call(method, url, options) {
  return fetch(url, { method, headers: sign(method, url, options), body: options.body });
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  const [method, url, body] = process.argv.slice(2);
  const answer = await call(method, url, { key: process.env.FAREBOX_KEY, secret: process.env.FAREBOX_SECRET, body });
  console.log(answer.status, await answer.text());
}
