// The edge Worker's shell: packs a request's facts, forwards what the gateway lets through, counts the bytes.
//
// It decides nothing; `workers.rs` says what the packed strings hold. Invariant: a call that the gateway admitted is
// ended exactly once, with the bytes that really went through, also when the caller or the upstream goes away.

import { admit, background, decide, finish, has_movable_clock, initSync, reject, start } from "./bindings.js";
import module from "./bindings_bg.wasm";

// Bodies up to this announced length are counted by it. What the platform has handed to the connection in one piece
// counts as sent; larger ones, and those of unknown length, are counted as they go.
const COUNTED_BY_LENGTH = 16 * 1024;
const CHUNK = 64 * 1024;

let started = false;
let movableClock = false;

export default {
  fetch(request, env, ctx) {
    const url = request.url;
    if (url.startsWith("/_farebox/", url.indexOf("/", 8))) return env.BILLING.fetch(request);
    if (!started) {
      initSync({ module });
      start(env);
      movableClock = has_movable_clock();
      started = true;
    }
    const answer = serve(request, url, ctx);
    // The call goes on when the caller has gone: what the upstream was asked for must be counted.
    ctx.waitUntil(answer);
    return answer;
  },
};

async function serve(request, url, ctx) {
  const facts = pack(request, url);
  let body;
  let decision = movableClock ? await decide(facts) : admit(facts);
  if (decision.startsWith("B")) {
    body = await readAtMost(request, Number(decision.slice(2)));
    if (body === null) return answer(reject(facts, "body.too_large"));
    decision = admit(facts, body);
  }
  if (decision === "N") {
    decision = await decide(facts, body);
    if (decision.startsWith("B")) {
      body = await readAtMost(request, Number(decision.slice(2)));
      if (body === null) return answer(reject(facts, "body.too_large"));
      decision = await decide(facts, body);
    }
  }
  return decision.startsWith("F") ? forward(decision.split("\n"), facts, request, body, ctx) : answer(decision);
}

function pack(request, url) {
  let facts = request.method + "\n" + url;
  request.headers.forEach((value, name) => {
    facts += "\n" + name + ": " + value;
  });
  return facts;
}

// The whole body, or null when it is longer than `limit` bytes.
async function readAtMost(request, limit) {
  if (request.body === null) return new Uint8Array(0);
  if (Number(request.headers.get("content-length")) > 0) return new Uint8Array(await request.arrayBuffer());
  const parts = [];
  let length = 0;
  for await (const part of request.body) {
    length += part.byteLength;
    if (length > limit) return null;
    parts.push(part);
  }
  return new Uint8Array(await new Blob(parts).arrayBuffer());
}

async function forward(parts, facts, request, body, ctx) {
  const call = Number(parts[1]);
  const headers = new Headers(request.headers);
  if (parts[5] !== "") for (const name of parts[5].split(",")) headers.delete(name);
  const respondFrom = 7 + 2 * Number(parts[6]);
  for (let at = 7; at < respondFrom; at += 2) headers.set(parts[at], parts[at + 1]);
  if (parts[3] === "1") ctx.waitUntil(background());

  const ingress = body === undefined ? counted(request.body, request.headers) : { body, bytes: body.byteLength };
  if (body !== undefined && body.byteLength === 0) ingress.body = null;
  const controller = new AbortController();
  const timer = setTimeout(() => controller.abort(), Number(parts[2]));
  let upstream;
  try {
    upstream = await fetch(parts[4], {
      method: request.method,
      headers,
      body: ingress.body,
      redirect: "manual",
      signal: controller.signal,
      encodeResponseBody: "manual", // the bytes that are counted are those on the wire, not what they decode to
    });
  } catch {
    return answer(reject(facts, controller.signal.aborted ? "upstream.timeout" : "upstream.unreachable", call));
  } finally {
    clearTimeout(timer);
  }

  const egress = counted(upstream.body, upstream.headers);
  const done = () => {
    if (finish(call, true, ingress.bytes, egress.bytes)) ctx.waitUntil(background());
  };
  if (ingress.done || egress.done) ctx.waitUntil(Promise.allSettled([ingress.done, egress.done]).then(done));
  else done();

  const response = new Response(egress.body, upstream);
  for (let at = respondFrom; at < parts.length; at += 2) response.headers.set(parts[at], parts[at + 1]);
  return response;
}

// A body and its count of bytes: known at once, or growing while `body` is read, until `done` settles.
function counted(body, headers) {
  if (body === null) return { body, bytes: 0 };
  const announced = headers.get("content-length");
  const length = announced === null ? -1 : Number(announced);
  if (length >= 0 && length <= COUNTED_BY_LENGTH) return { body, bytes: length };
  const { readable, writable } = length < 0 ? new IdentityTransformStream() : new FixedLengthStream(length);
  const count = { body: readable, bytes: 0 };
  count.done = pump(body, writable, count);
  return count;
}

// Copies a stream. A write settles when the reader has taken it, so `count` holds what went through and no more.
async function pump(from, to, count) {
  const reader = from.getReader({ mode: "byob" });
  const writer = to.getWriter();
  try {
    let buffer = new ArrayBuffer(CHUNK);
    for (;;) {
      const { done, value } = await reader.read(new Uint8Array(buffer));
      if (done) break;
      const length = value.byteLength;
      await writer.write(value);
      count.bytes += length;
      buffer = value.buffer.byteLength === CHUNK ? value.buffer : new ArrayBuffer(CHUNK);
    }
    await writer.close();
  } catch (error) {
    await Promise.allSettled([reader.cancel(error), writer.abort(error)]);
  }
}

function answer(decision) {
  const parts = decision.split("\n");
  const bodyAt = 3 + 2 * Number(parts[2]);
  const headers = [];
  for (let at = 3; at < bodyAt; at += 2) headers.push([parts[at], parts[at + 1]]);
  return new Response(parts.slice(bodyAt).join("\n"), { status: Number(parts[1]), headers });
}
