// The edge Worker's shell: packs a request's facts, forwards what the gateway lets through, counts the bytes.
//
// It decides nothing; `workers.rs` says what the packed strings hold. Invariant: a call that the gateway admitted is
// ended exactly once, with the bytes that really went through, also when the caller or the upstream goes away.

import {
  __wbg_reset_state,
  admit,
  background,
  decide,
  finish,
  has_movable_clock,
  initSync,
  reject,
  start,
  synchronize,
} from "./bindings.js";
import module from "./bindings_bg.wasm";

// Bodies up to this announced length are counted by it. What the platform has handed to the connection in one piece
// counts as sent; larger ones, and those of unknown length, are counted as they go.
const COUNTED_BY_LENGTH = 16 * 1024;
// A stream is read in pieces of at least the first size, and of up to the second where it fills them: each piece costs
// garbage, and few large ones cost least of it.
const SMALLEST_PIECE = 64 * 1024;
const LARGEST_PIECE = 512 * 1024;
const NO_BODY = { body: null, bytes: 0 };
// What `fetch` changes in a URL: dot segments, plain or coded, and characters that it encodes. It is changed before anybody
// routes by the path, or a call would reach a path of the upstream that its product does not sell.
const NOT_NORMAL = /[^\w\-.~/?&=%+:,;@!$()*[\]]|\/\.|\/%2e/i;

let started = false;
let movableClock = false;
// How many instances of the module there have been: a call belongs to the one that admitted it.
let instances = 1;

export default {
  fetch(request, env, ctx) {
    const sent = request.url;
    const url = NOT_NORMAL.test(sent) ? new URL(sent).href : sent;
    if (url.startsWith("/_farebox/", url.indexOf("/", 8))) return env.BILLING.fetch(request);
    try {
      if (!started) begin(env);
      const facts = pack(request, url);
      if (movableClock) return kept(run(synchronize()).then(() => proceed(admit(facts), facts, undefined, request, ctx)), ctx);
      const answered = proceed(admit(facts), facts, undefined, request, ctx);
      return answered instanceof Promise ? kept(answered, ctx) : answered;
    } catch (error) {
      return failed(error);
    }
  },
};

function begin(env) {
  initSync({ module });
  start(env);
  movableClock = has_movable_clock();
  started = true;
}

// An answer that is worked on also when the caller has gone: what the upstream was asked for must be counted.
function kept(answered, ctx) {
  const answer = answered.catch(failed);
  ctx.waitUntil(answer);
  return answer;
}

// The answer when we are at fault. A panic leaves an instance in pieces, so the next call begins a new one; what the old
// one counted and did not write is lost with it, and the ledger shows it as unaccounted.
function failed(error) {
  recover(error);
  const problem = { type: "about:blank", title: "Internal error", status: 500, code: "internal" };
  return Response.json(problem, { status: 500, headers: { "content-type": "application/problem+json" } });
}

function recover(error) {
  console.error(`the gateway failed: ${error}`);
  if (!(error instanceof WebAssembly.RuntimeError)) return;
  __wbg_reset_state();
  started = false;
  instances += 1;
}

function tend(ctx) {
  ctx.waitUntil(run(background()).catch(recover));
}

// Runs a task of the module in this request's own context: see `task.rs`.
async function run(task) {
  for (;;) {
    let wake;
    const woken = new Promise((resolve) => {
      wake = resolve;
    });
    const result = task.poll(wake);
    if (result !== undefined) {
      task.free();
      return result;
    }
    await woken;
  }
}

// Does what was decided. Promises are chained by hand: each `async` function on the way costs a call measurably.
function proceed(decision, facts, body, request, ctx) {
  switch (decision[0]) {
    case "F":
      return forward(decision.split("\n"), facts, body, request, ctx);
    case "B":
      return readAtMost(request, Number(decision.slice(2))).then((read) =>
        read === null
          ? answer(reject(facts, "body.too_large"))
          : proceed(admit(facts, read), facts, read, request, ctx),
      );
    case "N":
      return run(decide(facts, body)).then((decision) => proceed(decision, facts, body, request, ctx));
    default:
      return answer(decision);
  }
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

function forward(parts, facts, body, request, ctx) {
  const call = { id: Number(parts[1]), instance: instances };
  const headers = new Headers(request.headers);
  if (parts[5] !== "") for (const name of parts[5].split(",")) headers.delete(name);
  const respondFrom = 7 + 2 * Number(parts[6]);
  for (let at = 7; at < respondFrom; at += 2) headers.set(parts[at], parts[at + 1]);
  if (parts[3] === "1") tend(ctx);

  const bodiless = request.method === "GET" || request.method === "HEAD";
  const ingress = bodiless ? NO_BODY : body !== undefined ? whole(body) : counted(request.body, request.headers);
  // The runtime sends no body with these (Fetch standard, 5.4), and one there means nothing (RFC 9110, section 9.3.1).
  if (bodiless) headers.delete("content-length");
  const init = {
    method: request.method,
    headers,
    body: ingress.body,
    redirect: "manual",
    encodeResponseBody: "manual", // the bytes that are counted are those on the wire, not what they decode to
  };
  const watch = parts[2] === "0" ? null : limit(init, Number(parts[2]));
  return fetch(parts[4], init).then(
    (upstream) => {
      if (watch !== null) clearTimeout(watch.timer);
      return deliver(call, upstream, ingress, parts, respondFrom, ctx);
    },
    () => {
      if (watch !== null) clearTimeout(watch.timer);
      // A caller who went away in the middle of its body has used what went through until then.
      if (ingress.abandoned) end(call, ingress.bytes, 0, ctx);
      const code = watch !== null && watch.signal.aborted ? "upstream.timeout" : "upstream.unreachable";
      return answer(reject(facts, code, call.instance === instances ? call.id : undefined));
    },
  );
}

// Ends the upstream's time for its head after `millis`.
function limit(init, millis) {
  const controller = new AbortController();
  init.signal = controller.signal;
  return { signal: controller.signal, timer: setTimeout(() => controller.abort(), millis) };
}

// Hands the upstream's answer on, and ends the call once both bodies have gone through.
function deliver(call, upstream, ingress, parts, respondFrom, ctx) {
  const egress = counted(upstream.body, upstream.headers);
  if (ingress.done || egress.done) {
    const gone = Promise.all([ingress.done, egress.done]);
    ctx.waitUntil(gone.then(() => end(call, ingress.bytes, egress.bytes, ctx)).catch(recover));
  } else {
    end(call, ingress.bytes, egress.bytes, ctx);
  }
  const response = new Response(egress.body, upstream);
  for (let at = respondFrom; at < parts.length; at += 2) response.headers.set(parts[at], parts[at + 1]);
  return response;
}

// Ends an admitted call, in the instance that admitted it.
function end(call, ingress, egress, ctx) {
  if (call.instance === instances && finish(call.id, true, ingress, egress)) tend(ctx);
}

// A body that was read, and its count.
function whole(body) {
  return { body: body.byteLength === 0 ? null : body, bytes: body.byteLength };
}

// A body and its count of bytes: known at once, or growing while `body` is read, until `done` settles. `abandoned` says
// that it broke off where it came from.
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
  let reading = true;
  try {
    let buffer = new ArrayBuffer(SMALLEST_PIECE);
    for (;;) {
      reading = true;
      const { done, value } = await reader.read(new Uint8Array(buffer));
      if (done) break;
      reading = false;
      const length = value.byteLength;
      await writer.write(value);
      count.bytes += length;
      buffer = value.buffer;
      if (length === buffer.byteLength && length < LARGEST_PIECE) buffer = new ArrayBuffer(2 * length);
    }
    await writer.close();
  } catch (error) {
    count.abandoned = reading;
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
