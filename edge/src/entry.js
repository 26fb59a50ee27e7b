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
  flow,
  fund,
  has_movable_clock,
  initSync,
  reject,
  start,
  synchronize,
} from "./bindings.js";
import module from "./bindings_bg.wasm";
import { counted, Malformed, NO_BODY, watch, whole } from "./streams.js";

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
    try {
      const sent = request.url;
      const url = NOT_NORMAL.test(sent) ? normal(sent) : sent;
      if (isOurs(url) && URL.canParse(url)) return env.BILLING.fetch(request);
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

// The URL as `fetch` would change it; nothing where it is none, as its host is none: the gateway says so.
function normal(sent) {
  return URL.canParse(sent) ? new URL(sent).href : "";
}

// Whether a URL is for the admin API: below `/_farebox`, or just that.
function isOurs(url) {
  const at = url.indexOf("/", 8);
  if (!url.startsWith("/_farebox", at)) return false;
  const end = at + "/_farebox".length;
  return end === url.length || url[end] === "/" || url[end] === "?";
}

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
          typeof read === "string" ? answer(reject(asked.facts, read)) : proceed(admit(asked.facts, read), asked, read, ctx),
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
  // A body on GET or HEAD does not go on, and is as good as none.
  const bodiless = method === "GET" || method === "HEAD" || request.body === null;
  let facts = method + (bodiless ? "\n" : " +\n") + url;
  request.headers.forEach((value, name) => {
    facts += "\n" + name + ": " + value;
    names.push(name);
    values.push(value);
  });
  return { request, method, facts, names, values };
}

// The whole body, or why there is none: it is longer than `limit` bytes, or breaks off.
async function readAtMost(request, limit) {
  if (request.body === null) return new Uint8Array(0);
  try {
    // The length that is announced was looked at; chunks have none, whatever is announced (RFC 9112, section 6.3).
    const { headers } = request;
    if (Number(headers.get("content-length")) > 0 && !headers.has("transfer-encoding")) {
      return new Uint8Array(await request.arrayBuffer());
    }
    const parts = [];
    let length = 0;
    for await (const part of request.body) {
      length += part.byteLength;
      if (length > limit) return "B\n" + limit;
      parts.push(part);
    }
    return new Uint8Array(await new Blob(parts).arrayBuffer());
  } catch {
    return "request.malformed";
  }
}

// Carries an admitted call to its upstream. Whatever is thrown from here until its answer is handed on ends in `undone`, so
// that the call is ended: there is no other way out of these three functions.
function forward(parts, asked, body, ctx) {
  const call = begun(Number(parts[1]), asked, ctx);
  try {
    if (parts[3] === "1") tend(ctx);
    const { request, method } = asked;
    const own = listed(parts[7]);
    const shown = { names: listed(parts[8]), parts, from: 9 + own.length };
    const room = parts[4] === "" ? null : parts[4].split(",");
    if (body !== undefined) {
      call.ingress = whole(body);
    } else if (method !== "GET" && method !== "HEAD" && request.body !== null) {
      // The runtime would end the upload as if it were whole, so the request is broken off.
      const broken = () => give(call, "request.malformed");
      call.ingress = counted(request.body, request.headers, flowing(call, false, room && room[0], broken));
    }
    const init = {
      method,
      headers: going(asked, parts[6], own, parts),
      body: call.ingress.body,
      redirect: "manual",
      encodeResponseBody: "manual", // the bytes that are counted are those on the wire, not what they decode to
    };
    const millis = Number(parts[2]);
    if (call.ingress.done || millis !== 0) init.signal = (call.controller = new AbortController()).signal;
    if (millis !== 0) call.timer = setTimeout(() => give(call, "upstream.timeout"), millis);
    return fetch(parts[5], init).then(
      (upstream) => deliver(call, upstream, room && room[1], shown),
      () => unanswered(call),
    );
  } catch (error) {
    return undone(call, error, "request.malformed");
  }
}

// An admitted call. It is ended once, and in the instance that admitted it.
function begun(id, asked, ctx) {
  const [ingress, egress] = [NO_BODY, NO_BODY];
  const [controller, timer, why] = [null, null, null];
  return { id, instance: instances, asked, ctx, ingress, egress, controller, timer, why, isAnswered: false, isEnded: false };
}

// Gives a request to the upstream up, for the first reason that there is.
function give(call, why) {
  call.why ??= why;
  call.controller.abort();
}

// How a body of `call` may flow: see `streams.js`.
function flowing(call, isOut, room, broken) {
  return { room: room === null ? Infinity : Number(room), more: () => more(call, isOut), broken };
}

// How many more bytes may go, once those that went are booked. Throws where the stream is to end.
async function more(call, isOut) {
  if (call.isEnded || call.instance !== instances) throw new Error("the call has ended");
  const { id, ingress, egress, isAnswered, ctx } = call;
  let told;
  try {
    told = movableClock ? "N" : flow(id, ingress.bytes, egress.bytes, isAnswered, isOut);
    if (told === "N") told = await run(fund(id, ingress.bytes, egress.bytes, isAnswered, isOut));
  } catch (error) {
    recover(error);
    throw error;
  }
  const [verb, what, behind] = told.split("\n");
  if (verb === "E") {
    call.why ??= what;
    throw new Error(what);
  }
  if (behind === "1") tend(ctx);
  return Number(what);
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
    for (let at = 0; at < own.length; at += 1) headers.set(own[at], parts[9 + at]);
    return headers;
  }
  const headers = Object.create(null); // a field may be called `__proto__`
  for (let at = 0; at < names.length; at += 1) if (marks[at] === "1") headers[names[at]] = values[at];
  for (let at = 0; at < own.length; at += 1) headers[own[at]] = parts[9 + at];
  return headers;
}

// Hands the upstream's answer on, and ends the call once both bodies have gone through.
function deliver(call, upstream, room, { names, parts, from }) {
  try {
    if (call.timer !== null) clearTimeout(call.timer);
    const egress = (call.egress = counted(upstream.body, upstream.headers, flowing(call, true, room)));
    const response = new Response(egress.body, upstream);
    const { headers } = response;
    for (let at = 0; at < names.length; at += 1) headers.set(names[at], parts[from + at]);
    if (egress.done) watch(egress, call.asked.request, upstream.headers);
    call.isAnswered = true;
    if (call.ingress.done || egress.done) {
      const gone = Promise.all([call.ingress.done, egress.done]);
      call.ctx.waitUntil(gone.then(() => end(call)).catch(recover));
    } else {
      end(call);
    }
    return response;
  } catch (error) {
    call.egress.letGo?.();
    return undone(call, error, "upstream.malformed");
  }
}

// The answer when the upstream gave none.
function unanswered(call) {
  try {
    if (call.timer !== null) clearTimeout(call.timer);
    // A caller who went away in the middle of its body has used what went through until then.
    if (call.why === "request.malformed") end(call);
    return refused(call, call.why ?? "upstream.unreachable");
  } catch (error) {
    return undone(call, error, "upstream.unreachable");
  }
}

// Ends a call that `error` has kept from its upstream, or its answer from the caller: it is not charged.
function undone(call, error, code) {
  if (error instanceof WebAssembly.RuntimeError) return failed(error);
  if (!(error instanceof Malformed)) console.error(`${code}: ${error}`);
  try {
    return refused(call, code);
  } catch (error) {
    return failed(error);
  }
}

// The answer of our own to a call that was admitted. Ends it, uncharged, unless it has ended.
function refused(call, code) {
  return answer(reject(call.asked.facts, code, isLast(call) ? call.id : undefined));
}

// Ends an admitted call.
function end(call) {
  if (isLast(call) && finish(call.id, true, call.ingress.bytes, call.egress.bytes)) tend(call.ctx);
}

// Whether a call is to be ended now.
function isLast(call) {
  const isLast = !call.isEnded && call.instance === instances;
  call.isEnded = true;
  return isLast;
}

function answer(decision) {
  const parts = decision.split("\n");
  const bodyAt = 3 + 2 * Number(parts[2]);
  const headers = [];
  for (let at = 3; at < bodyAt; at += 2) headers.push([parts[at], parts[at + 1]]);
  return new Response(parts.slice(bodyAt).join("\n"), { status: Number(parts[1]), headers });
}
