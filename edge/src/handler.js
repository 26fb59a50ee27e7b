// The edge Worker's shell: packs a request's facts, forwards what the gateway lets through, counts the bytes.
//
// It decides nothing; `wire.js` reads what the module says. Invariant: an admitted call is ended exactly once, with the bytes
// that really went through, also when the caller or the upstream goes away.

import { counted, Malformed, NO_BODY, readAtMost, watch, whole } from "./bodies.js";
import { CODE, HOW, OUTCOME, UNITS, VERDICT, connect, goesAlong, readMessage, writeFacts } from "./wire.js";

// What `fetch` changes in a URL: dot segments, plain or coded, and characters that it encodes. It is changed before anybody
// routes by the path, or a call would reach a path of the upstream that its product does not sell.
const NOT_NORMAL = /[^\w\-.~/?&=%+:,;@!$()*[\]]|\/\.|\/%2e/i;

let bindings;
let wasm;
let started = false;
let movableClock = false;
// How many instances of the module there have been: a call belongs to the one that admitted it.
let instances = 1;

// The handler of requests, over the functions of the module `moduleWasm`.
export function handler(moduleBindings, moduleWasm) {
  bindings = moduleBindings;
  wasm = moduleWasm;
  return { fetch: handle };
}

function handle(request, env, ctx) {
  try {
    const sent = request.url;
    const url = NOT_NORMAL.test(sent) ? normal(sent) : sent;
    if (isOurs(url) && URL.canParse(url)) return env.BILLING.fetch(request);
    if (!started) begin(env);
    const asked = pack(request, url);
    if (!movableClock) return proceed(admitted(asked.facts), asked, undefined, ctx);
    return run(bindings.synchronize())
      .then(() => proceed(admitted(asked.facts), asked, undefined, ctx))
      .catch(failed);
  } catch (error) {
    return failed(error);
  }
}

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
  const { memory } = bindings.initSync({ module: wasm });
  bindings.start(env);
  connect(memory, bindings.addresses());
  movableClock = bindings.has_movable_clock();
  started = true;
}

// The answer when we are at fault. A panic leaves an instance in pieces, so the next call begins a new one. What the old one
// counted and did not write is lost with it, and the ledger shows it as unaccounted.
function failed(error) {
  recover(error);
  const problem = { type: "about:blank", title: "Internal error", status: 500, code: "internal" };
  return Response.json(problem, { status: 500, headers: { "content-type": "application/problem+json" } });
}

function recover(error) {
  console.error(`the gateway failed: ${error}`);
  if (!(error instanceof WebAssembly.RuntimeError)) return;
  bindings.__wbg_reset_state();
  started = false;
  instances += 1;
}

function keepUp(ctx) {
  ctx.waitUntil(run(bindings.background()).catch(recover));
}

// Runs a task of the module in this request's own context: see `task.rs`. What it says, `read` reads before any other can.
async function run(task, read) {
  for (;;) {
    let wake;
    const woken = new Promise((resolve) => {
      wake = resolve;
    });
    if (task.poll(wake)) {
      const said = read?.();
      task.free();
      return said;
    }
    await woken;
  }
}

// The same promise, worked on also when the caller has gone.
function kept(ctx, promise) {
  ctx.waitUntil(promise);
  return promise;
}

// What the module says to a request from memory.
function admitted(facts) {
  const length = writeFacts(facts);
  if (length < 0) bindings.admit(facts, undefined, Date.now());
  else bindings.admit_written(length, Date.now());
  return readMessage();
}

// Does what was decided. An answer that comes later is a promise that never rejects. What waits is worked on also when the caller
// has gone, because others may wait for the same. A call on its way to the upstream is not. Keeping it alive costs more than its
// signature, and the gateway ends what it does not hear of (`abandoned.rs`). Promises are chained by hand: each `async` function
// on the way, and each link more, costs a call measurably.
function proceed(decision, asked, body, ctx) {
  switch (decision.verdict) {
    case VERDICT.FORWARD:
      return forward(decision, asked, body, ctx);
    case VERDICT.REJECT:
      return answer(decision);
    case VERDICT.READ_BODY:
      return kept(
        ctx,
        readWhole(asked.request, decision.limit)
          .then((read) => withBody(asked, read, decision.limit, ctx))
          .catch(failed),
      );
    case VERDICT.WAIT:
      return kept(
        ctx,
        run(bindings.decide(asked.facts, body), readMessage)
          .then((decision) => proceed(decision, asked, body, ctx))
          .catch(failed),
      );
    default:
      throw new Error(`a request comes to no ${decision.verdict}`);
  }
}

// Asks again, with the body that was read, or says why it was not.
function withBody(asked, { code, body }, limit, ctx) {
  if (code !== undefined) {
    bindings.reject(asked.facts, code, limit);
    return answer(readMessage());
  }
  bindings.admit(asked.facts, body, Date.now());
  return proceed(readMessage(), asked, body, ctx);
}

// A request with its facts, packed, and its header fields.
function pack(request, url) {
  const method = request.method;
  const names = [];
  const values = [];
  // A body on GET or HEAD cannot go on: the gateway refuses what announces one.
  const bodiless = method === "GET" || method === "HEAD" || request.body === null;
  let facts = method + (bodiless ? "\n" : " +\n") + url;
  request.headers.forEach((value, name) => {
    facts += "\n" + name + ": " + value;
    names.push(name);
    values.push(value);
  });
  return { request, method, facts, names, values };
}

// The whole body, or the code of why there is none: it is longer than `limit` bytes, or breaks off.
async function readWhole(request, limit) {
  if (request.body === null) return { body: new Uint8Array(0) };
  try {
    // The length that is announced was looked at; chunks have none, whatever is announced (RFC 9112, section 6.3).
    const { headers } = request;
    if (Number(headers.get("content-length")) > 0 && !headers.has("transfer-encoding")) {
      return { body: new Uint8Array(await request.arrayBuffer()) };
    }
    const body = await readAtMost(request.body, limit);
    return body.byteLength > limit ? { code: CODE.BODY_TOO_LARGE } : { body };
  } catch {
    return { code: CODE.BODY_BROKEN };
  }
}

// Carries an admitted call to its upstream. Whatever is thrown from here until its answer is handed on ends in `undone`, which
// ends the call. There is no other way out of these three functions.
function forward(decision, asked, body, ctx) {
  const call = begun(decision, asked, ctx);
  try {
    if (decision.background) keepUp(ctx);
    const { request, method } = asked;
    if (body !== undefined) {
      call.ingress = whole(body);
    } else if (method !== "GET" && method !== "HEAD" && request.body !== null) {
      // The runtime would end the upload as if it were whole, so the request is broken off.
      const broken = () => give(call, CODE.BODY_BROKEN);
      call.ingress = counted(request.body, request.headers, flowing(call, false, decision.roomIn, broken));
    }
    const init = {
      method,
      headers: going(asked, decision),
      body: call.ingress.body,
      redirect: "manual",
      encodeResponseBody: "manual", // the bytes that are counted are those on the wire, not what they decode to
    };
    const { timeout } = decision;
    if (call.ingress.done || timeout !== 0) init.signal = (call.controller = new AbortController()).signal;
    if (timeout !== 0) call.timer = setTimeout(() => give(call, CODE.UPSTREAM_TIMEOUT), timeout);
    const answered = fetch(decision.url, init).then(
      (upstream) => deliver(call, upstream),
      (error) => unanswered(call, error),
    );
    // What goes through of a body that is pumped is counted to its end, and units are waited for, whoever has gone.
    return call.ingress.done || decision.units !== UNITS.NOWHERE ? kept(ctx, answered) : answered;
  } catch (error) {
    return undone(call, error, CODE.BODY_BROKEN);
  }
}

// An admitted call. It is ended once, and in the instance that admitted it.
function begun(decision, asked, ctx) {
  const [ingress, egress] = [NO_BODY, NO_BODY];
  const [controller, timer, why, outcome] = [null, null, null, OUTCOME.UNANSWERED];
  return { decision, instance: instances, asked, ctx, ingress, egress, controller, timer, why, outcome, isEnded: false };
}

// Gives a request to the upstream up, for the first reason that there is.
function give(call, why) {
  call.why ??= why;
  call.controller.abort();
}

// How a body of `call` may flow: see `bodies.js`.
function flowing(call, isOut, room, broken) {
  return { room, more: () => more(call, isOut), broken, gathers: !isOut, reads: undefined, left: undefined };
}

// Tells the module how many units the upstream reports for the call: from its field, or from the body as it goes through `flow`.
// One that is coded all the same says nothing that could be read.
function listen(call, headers, flow) {
  const { call: place, generation, units } = call.decision;
  if (call.instance !== instances) return;
  if (units === UNITS.HEADER) {
    bindings.said_units(place, generation, headers.get("farebox-units") ?? "");
  } else if (!headers.has("content-encoding")) {
    bindings.begin_units(place, generation, headers.get("content-type") ?? "");
    const told = (tell) => (piece) => {
      if (!call.isEnded && call.instance === instances) tell(place, generation, piece);
    };
    flow.reads = told(bindings.read_units);
    flow.left = told(bindings.left_units);
  }
}

// How many more bytes may go, once those that went are booked. Throws where the stream is to end.
async function more(call, isOut) {
  if (call.isEnded || call.instance !== instances) throw new Error("the call has ended");
  const { decision, ingress, egress, outcome, ctx } = call;
  const flowed = [decision.call, decision.generation, ingress.bytes, egress.bytes, outcome, isOut];
  let said;
  try {
    if (!movableClock) {
      bindings.flow(...flowed);
      said = readMessage();
    }
    if (said === undefined || said.verdict === VERDICT.WAIT) said = await run(bindings.fund(...flowed), readMessage);
  } catch (error) {
    recover(error);
    throw error;
  }
  if (said.verdict !== VERDICT.GO) {
    call.why ??= said.code;
    throw new Error("nobody pays for more");
  }
  if (said.background) keepUp(ctx);
  return said.room;
}

// The header fields for the upstream: those of the caller that go along, and our own. They are written anew, which costs a call
// less than a copy of which some are deleted and others set. It would lose what the runtime could not read as UTF-8. It would
// also join cookies by commas, which may not be joined so (RFC 6265, section 5.4), or at all.
function going({ request, facts, names, values }, { goes, ownNames, ownValues }) {
  if (facts.includes("\uFFFD") || names.includes("cookie") || names.includes("set-cookie")) {
    const headers = new Headers(request.headers);
    for (let at = 0; at < names.length; at += 1) if (!goesAlong(goes, at)) headers.delete(names[at]);
    for (let at = 0; at < ownNames.length; at += 1) headers.set(ownNames[at], ownValues[at]);
    return headers;
  }
  const headers = Object.create(null); // a field may be called `__proto__`
  for (let at = 0; at < names.length; at += 1) if (goesAlong(goes, at)) headers[names[at]] = values[at];
  for (let at = 0; at < ownNames.length; at += 1) headers[ownNames[at]] = ownValues[at];
  return headers;
}

// Hands the upstream's answer on, and ends the call once both bodies have gone through.
function deliver(call, upstream) {
  try {
    if (call.timer !== null) clearTimeout(call.timer);
    const { roomOut, shown, shownValues, units } = call.decision;
    // One that breaks off before its first byte is no answer.
    const broken = () => {
      if (call.egress.bytes === 0) call.outcome = OUTCOME.UNANSWERED;
    };
    const flow = flowing(call, true, roomOut, broken);
    if (units !== UNITS.NOWHERE) listen(call, upstream.headers, flow);
    const egress = (call.egress = counted(upstream.body, upstream.headers, flow));
    // One that is neither annotated nor pumped is handed on as it is.
    const isTouched = shown.length !== 0 || egress.done || units !== UNITS.NOWHERE;
    const response = isTouched ? new Response(egress.body, upstream) : upstream;
    const { headers } = response;
    if (units !== UNITS.NOWHERE) headers.delete("farebox-units");
    for (let at = 0; at < shown.length; at += 1) {
      const { how, name } = shown[at];
      if (how === HOW.SET) headers.set(name, shownValues[at]);
      else if (how === HOW.ADD) headers.append(name, shownValues[at]);
      else if (how === HOW.REMOVE) headers.delete(name);
      else readdress(call, headers, name);
    }
    if (egress.done) watch(egress, call.asked.request, upstream.headers);
    call.outcome = upstream.status;
    if (call.ingress.done || egress.done) {
      if (call.instance === instances) bindings.answered(call.decision.call, call.decision.generation);
      const gone = Promise.all([call.ingress.done, egress.done]);
      call.ctx.waitUntil(gone.then(() => end(call)).catch(recover));
    } else {
      end(call);
    }
    return response;
  } catch (error) {
    call.egress.letGo?.();
    return undone(call, error, CODE.UPSTREAM_MALFORMED);
  }
}

// Has addresses of the upstream's own lead through the gateway. Cookies stand apart, as they may not be joined.
function readdress(call, headers, name) {
  if (!headers.has(name)) return;
  const { asked, decision } = call;
  const values = name === "set-cookie" ? headers.getSetCookie() : [headers.get(name)];
  headers.delete(name);
  for (const value of values) {
    headers.append(name, bindings.readdressed(asked.facts, decision.call, decision.generation, name, value) ?? value);
  }
}

// The answer when the upstream gave none. The provider's log has what the caller is not told: why.
function unanswered(call, error) {
  try {
    if (call.why === null) console.error(`the upstream cannot be reached: ${error}`);
    if (call.timer !== null) clearTimeout(call.timer);
    // A caller who went away in the middle of its body has used what went through until then.
    if (call.why === CODE.BODY_BROKEN) {
      call.outcome = OUTCOME.ABANDONED;
      end(call);
    }
    return refused(call, call.why ?? CODE.UPSTREAM_UNREACHABLE);
  } catch (error) {
    return undone(call, error, CODE.UPSTREAM_UNREACHABLE);
  }
}

// Ends a call that `error` has kept from its upstream, or its answer from the caller: it is not charged.
function undone(call, error, code) {
  if (error instanceof WebAssembly.RuntimeError) return failed(error);
  if (!(error instanceof Malformed)) console.error(`the call came to nothing (${code}): ${error}`);
  try {
    return refused(call, code);
  } catch (error) {
    return failed(error);
  }
}

// The answer of our own to a call that was admitted. Ends it, uncharged, unless it has ended.
function refused(call, code) {
  const { asked, decision } = call;
  if (isLast(call)) bindings.reject_admitted(asked.facts, code, decision.call, decision.generation);
  else bindings.reject(asked.facts, code, 0);
  return answer(readMessage());
}

// Ends an admitted call.
function end(call) {
  if (!isLast(call)) return;
  const { decision, outcome, ingress, egress, ctx } = call;
  const { call: place, generation } = decision;
  if (bindings.finish(place, generation, outcome, ingress.bytes, egress.bytes, Date.now())) keepUp(ctx);
}

// Whether a call is to be ended now.
function isLast(call) {
  const isLast = !call.isEnded && call.instance === instances;
  call.isEnded = true;
  return isLast;
}

function answer({ status, headers, body }) {
  // An answer without content must be given none, not an empty one.
  return new Response(body === "" ? null : body, { status, headers });
}
