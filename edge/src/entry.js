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
const LISTED = new Map();
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
      const asked = pack(request, url);
      const answered = movableClock
        ? run(synchronize()).then(() => proceed(admit(asked.facts), asked, undefined, ctx)).catch(failed)
        : proceed(admit(asked.facts), asked, undefined, ctx);
      // It is worked on also when the caller has gone: what the upstream was asked for must be counted.
      if (answered instanceof Promise) ctx.waitUntil(answered);
      return answered;
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

// Does what was decided. An answer that comes later is a promise that never rejects. Promises are chained by hand: each
// `async` function on the way, and each link more, costs a call measurably.
function proceed(decision, asked, body, ctx) {
  switch (decision[0]) {
    case "F":
      return forward(decision.split("\n"), asked, body, ctx);
    case "B":
      return readAtMost(asked.request, Number(decision.slice(2)))
        .then((read) =>
          read === null
            ? answer(reject(asked.facts, "body.too_large"))
            : proceed(admit(asked.facts, read), asked, read, ctx),
        )
        .catch(failed);
    case "N":
      return run(decide(asked.facts, body))
        .then((decision) => proceed(decision, asked, body, ctx))
        .catch(failed);
    default:
      return answer(decision);
  }
}

// A request with its facts, packed, and its header fields.
function pack(request, url) {
  const method = request.method;
  const names = [];
  const values = [];
  let facts = method + "\n" + url;
  request.headers.forEach((value, name) => {
    facts += "\n" + name + ": " + value;
    names.push(name);
    values.push(value);
  });
  return { request, method, facts, names, values };
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

function forward(parts, asked, body, ctx) {
  const { request, method } = asked;
  const call = { id: Number(parts[1]), instance: instances };
  const own = listed(parts[6]);
  const shown = { names: listed(parts[7]), parts, from: 8 + own.length };
  if (parts[3] === "1") tend(ctx);

  const bodiless = method === "GET" || method === "HEAD";
  const ingress = bodiless ? NO_BODY : body !== undefined ? whole(body) : counted(request.body, request.headers);
  const init = {
    method,
    headers: going(asked, parts[5], own, parts),
    body: ingress.body,
    redirect: "manual",
    encodeResponseBody: "manual", // the bytes that are counted are those on the wire, not what they decode to
  };
  const watch = parts[2] === "0" ? null : limit(init, Number(parts[2]));
  return fetch(parts[4], init).then(
    (upstream) => {
      if (watch !== null) clearTimeout(watch.timer);
      return deliver(call, upstream, ingress, shown, ctx);
    },
    () => {
      if (watch !== null) clearTimeout(watch.timer);
      return unanswered(call, asked, ingress, watch !== null && watch.signal.aborted, ctx);
    },
  );
}

// The names in `list`, taken apart once: there are few such lists.
function listed(list) {
  let names = LISTED.get(list);
  if (names === undefined) LISTED.set(list, (names = list === "" ? [] : list.split(",")));
  return names;
}

// The header fields for the upstream: those of the caller that are marked, and our own. They are written anew, which costs a
// call less than a copy of which some are deleted and others set. It would lose what the runtime could not read as UTF-8,
// and join cookies by commas, which may not be joined so (RFC 6265, section 5.4), or at all.
function going({ request, facts, names, values }, marks, own, parts) {
  if (facts.includes("\uFFFD") || names.includes("cookie") || names.includes("set-cookie")) {
    const headers = new Headers(request.headers);
    for (let at = 0; at < names.length; at += 1) if (marks[at] === "0") headers.delete(names[at]);
    for (let at = 0; at < own.length; at += 1) headers.set(own[at], parts[8 + at]);
    return headers;
  }
  const headers = Object.create(null); // a field may be called `__proto__`
  for (let at = 0; at < names.length; at += 1) if (marks[at] === "1") headers[names[at]] = values[at];
  for (let at = 0; at < own.length; at += 1) headers[own[at]] = parts[8 + at];
  return headers;
}

// Ends the upstream's time for its head after `millis`.
function limit(init, millis) {
  const controller = new AbortController();
  init.signal = controller.signal;
  return { signal: controller.signal, timer: setTimeout(() => controller.abort(), millis) };
}

// Hands the upstream's answer on, and ends the call once both bodies have gone through.
function deliver(call, upstream, ingress, { names, parts, from }, ctx) {
  try {
    const egress = counted(upstream.body, upstream.headers);
    if (ingress.done || egress.done) {
      const gone = Promise.all([ingress.done, egress.done]);
      ctx.waitUntil(gone.then(() => end(call, ingress.bytes, egress.bytes, ctx)).catch(recover));
    } else {
      end(call, ingress.bytes, egress.bytes, ctx);
    }
    const response = new Response(egress.body, upstream);
    const { headers } = response;
    for (let at = 0; at < names.length; at += 1) headers.set(names[at], parts[from + at]);
    return response;
  } catch (error) {
    return failed(error);
  }
}

// The answer when the upstream gave none.
function unanswered(call, asked, ingress, late, ctx) {
  try {
    // A caller who went away in the middle of its body has used what went through until then.
    if (ingress.abandoned) end(call, ingress.bytes, 0, ctx);
    const code = late ? "upstream.timeout" : "upstream.unreachable";
    return answer(reject(asked.facts, code, call.instance === instances ? call.id : undefined));
  } catch (error) {
    return failed(error);
  }
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
