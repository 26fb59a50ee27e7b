// The way of a call through the handler, over a module that says what the test wants: each admitted call is ended once.

import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";

import { CODE, PLACE, UNITS } from "../src/wire.js";
import { fakeModule, message } from "./module.mjs";
import { bodyOf } from "./streams.mjs";

const GOES = message("a call goes on, and texts are kept");
const CHANGES = message("a call goes on, and fields of its answer are changed");
const REJECTED = message("a rejection, not in ASCII");
const WAITS = message("something is to be fetched");

let background;
const ctx = { waitUntil: (promise) => background.push(promise) };

// The handler keeps a state of its own, so that each test takes a fresh one.
let fresh = 0;
async function handling(says, env = {}) {
  const { handler } = await import(`../src/handler.js?${(fresh += 1)}`);
  const module = fakeModule(says);
  const { fetch } = handler(module, {});
  return { module, call: (path = "/v1", init = {}) => fetch(new Request(`https://gate.test${path}`, init), env, ctx) };
}

let sent;
let upstream;
beforeEach(() => {
  [background, sent] = [[], []];
  upstream = () => new Response("hello", { headers: { "content-length": "5", ratelimit: "theirs" } });
  globalThis.fetch = async (url, init) => {
    sent.push({ url, ...init });
    return upstream();
  };
  console.error = () => {};
});

const ends = ({ asked }) => asked.filter(([name]) => name === "finish" || name === "reject_admitted");

test("a call goes on with the fields that are let through and those of the gateway, and is ended with its bytes", async () => {
  const { module, call } = await handling({ admit_written: () => GOES });
  const answer = await call("/v1", { headers: { "a-first": "1", "b-second": "2", "c-third": "3" } });
  assert.equal(sent[0].url, GOES.reads.url);
  assert.deepEqual({ ...sent[0].headers }, {
    "a-first": "1",
    "c-third": "3",
    farebox: 'account="a", request="w-1f"',
    signature: "farebox=:AA==:",
  });
  assert.deepEqual([answer.status, await answer.text(), answer.headers.get("ratelimit")], [200, "hello", '"p";r=9']);
  assert.deepEqual(ends(module).map((end) => end.slice(0, 6)), [["finish", 7, 3, 200, 0, 5]]);
});

test("the module is told the status that the upstream answered with, as it decides what is charged", async () => {
  const { module, call } = await handling({ admit_written: () => GOES });
  for (const status of [204, 404, 503]) {
    upstream = () => new Response(null, { status });
    assert.equal((await call()).status, status);
  }
  assert.deepEqual(ends(module).map((end) => end[3]), [204, 404, 503]);
});

test("a call on the plain way keeps nothing alive, and one that waited is worked on whoever has gone", async () => {
  const plain = await handling({ admit_written: () => GOES });
  await plain.call("/v1", { method: "POST", body: "abc", headers: { "content-length": "3" } });
  assert.deepEqual([background.length, plain.module.asked.some(([name]) => name === "answered")], [0, false]);
  const waits = await handling({ admit_written: () => WAITS, decide: () => GOES });
  await waits.call();
  assert.equal(background.length, 1);
});

test("of an answer that streams the gateway hears before it is ended, and its end is worked on", async () => {
  const { module, call } = await handling({ admit_written: () => GOES });
  upstream = () => new Response(bodyOf("hel", "lo"));
  assert.equal(await (await call()).text(), "hello");
  assert.equal(background.length, 1);
  await background[0];
  const told = module.asked.filter(([name]) => name === "answered" || name === "finish").map((told) => told.slice(0, 6));
  assert.deepEqual(told, [["answered", 7, 3], ["finish", 7, 3, 200, 0, 5]]);
});

// The same call, of a product whose upstream says units where `from` has it.
const counting = (from) => ({ ...GOES, numbers: GOES.numbers.with(PLACE.UNITS, from) });
const units = ({ asked }) => asked.filter(([name]) => name.endsWith("_units"));

test("a call of a product that sells no units asks nothing more of the module", async () => {
  const { module, call } = await handling({ admit_written: () => GOES });
  upstream = () => new Response(bodyOf("{}"), { headers: { "farebox-units": "7" } });
  assert.equal((await call()).headers.get("farebox-units"), "7");
  assert.deepEqual([units(module), background.length], [[], 1]);
});

test("units are read out of the field, which is taken out of the answer", async () => {
  const { module, call } = await handling({ admit_written: () => counting(UNITS.HEADER) });
  upstream = () => new Response("hello", { headers: { "content-length": "5", "farebox-units": "7" } });
  const answer = await call();
  assert.deepEqual([answer.headers.get("farebox-units"), await answer.text()], [null, "hello"]);
  assert.deepEqual(units(module), [["said_units", 7, 3, "7"]]);
  assert.equal(ends(module).length, 1);
});

test("units are read out of a body in passing, also out of a small one, and not out of one that is coded", async () => {
  const { module, call } = await handling({ admit_written: () => counting(UNITS.BODY) });
  const type = { "content-length": "5", "content-type": "application/json" };
  upstream = () => new Response(bodyOf("hel", "lo"), { headers: type });
  assert.equal(await (await call()).text(), "hello");
  await Promise.all(background);
  const [begun, ...pieces] = units(module);
  assert.deepEqual(begun, ["begin_units", 7, 3, "application/json"]);
  assert.deepEqual(pieces.map(([name]) => name), ["read_units", "read_units"]);
  assert.deepEqual(ends(module).map((end) => end.slice(0, 6)), [["finish", 7, 3, 200, 0, 5]]);
  upstream = () => new Response(bodyOf("coded"), { headers: { ...type, "content-encoding": "br" } });
  assert.equal(await (await call()).text(), "coded");
  assert.equal(units(module).length, 3);
});

test("an answer that breaks off before its first byte is no answer", async () => {
  const { module, call } = await handling({ admit_written: () => GOES });
  upstream = () => new Response(bodyOf(new Error("gone")));
  await assert.rejects((await call()).text());
  await Promise.all(background);
  assert.deepEqual(ends(module).map((end) => end.slice(0, 6)), [["finish", 7, 3, 0, 0, 0]]);
});

test("what is rejected is answered as the module says, and reaches no upstream", async () => {
  const { call } = await handling({ admit_written: () => REJECTED });
  const answer = await call();
  assert.deepEqual([answer.status, await answer.text()], [402, REJECTED.reads.body]);
  assert.deepEqual([answer.headers.get("farebox-request-id"), sent.length], ["w-1f", 0]);
});

test("a verdict that no request comes to is our fault, and reaches no upstream", async () => {
  for (const numbers of [[5, 0, 0, 0, 9], [99, 0, 0, 0]]) {
    const { call } = await handling({ admit_written: () => ({ numbers, text: "" }) });
    assert.deepEqual([(await call()).status, sent.length], [500, 0]);
  }
});

test("a head that is too long for the buffer comes by the general way", async () => {
  const { module, call } = await handling({ admit: () => GOES });
  assert.equal((await call(`/${"x".repeat(2_000)}`)).status, 200);
  assert.ok(module.asked.some(([name, facts]) => name === "admit" && facts.includes("x".repeat(2_000))));
});

test("an upstream that cannot be reached ends the call uncharged, once", async () => {
  const { module, call } = await handling({ admit_written: () => GOES, reject_admitted: () => REJECTED });
  upstream = () => Promise.reject(new Error("gone"));
  assert.equal((await call()).status, 402);
  assert.deepEqual(ends(module).map(([name, , ...rest]) => [name, ...rest]), [
    ["reject_admitted", CODE.UPSTREAM_UNREACHABLE, 7, 3],
  ]);
});

test("an answer whose lengths differ ends the call uncharged, once", async () => {
  const { module, call } = await handling({ admit_written: () => GOES, reject_admitted: () => REJECTED });
  upstream = () => new Response("hello", { headers: { "content-length": "1, 2" } });
  assert.equal((await call()).status, 402);
  assert.deepEqual(ends(module).map(([name, , code]) => [name, code]), [["reject_admitted", CODE.UPSTREAM_MALFORMED]]);
});

test("two that are decided at once each get their own decision", async () => {
  const wakes = [];
  const said = [GOES, REJECTED];
  const { call } = await handling({
    admit_written: () => WAITS,
    decideWaits: (wake) => wakes.length < 2 && wakes.push(wake) > 0,
    decide: () => said.shift(),
  });
  const answers = [call(), call()];
  for (const wake of wakes) wake();
  assert.deepEqual((await Promise.all(answers)).map((answer) => answer.status), [200, 402]);
});

test("after a panic the next call has a new module, which does not hear of the calls of the old one", async () => {
  let panics = false;
  const panic = () => {
    throw new WebAssembly.RuntimeError("unreachable");
  };
  const { module, call } = await handling({ admit_written: () => (panics ? panic() : GOES) });
  let answered;
  upstream = () => new Promise((resolve) => (answered = resolve));
  const slow = call();
  panics = true;
  assert.equal((await call()).status, 500);
  panics = false;
  upstream = () => new Response("", { headers: { "content-length": "0" } });
  assert.equal((await call()).status, 200);
  answered(new Response("late", { headers: { "content-length": "4" } }));
  assert.equal((await slow).status, 200);
  assert.equal(module.asked.filter(([name]) => name === "start").length, 2);
  assert.equal(ends(module).length, 1, "the end of the slow one is not told");
});

test("what is below /_farebox goes to the billing Worker, and what only looks like it does not", async () => {
  const env = { BILLING: { fetch: () => new Response("billing") } };
  const { call } = await handling({ admit_written: () => REJECTED }, env);
  for (const path of ["/_farebox", "/_farebox/x", "/_farebox?x"]) assert.equal(await (await call(path)).text(), "billing");
  assert.equal((await call("/_fareboxes")).status, 402);
});

test("dot segments and unusual characters are normal before anybody routes by them", async () => {
  const { module, call } = await handling({ admit_written: () => GOES });
  await call("/a/%2e%2e/b");
  const [, length] = module.asked.find(([name]) => name === "admit_written");
  assert.equal(module.facts(length).split("\n")[1], "https://gate.test/b");
});

test("fields of an answer are set, added, removed and led through the gateway", async () => {
  const says = { admit_written: () => (says.admit_written = () => CHANGES) && GOES };
  const { module, call } = await handling(says);
  await call(); // so that the texts are known
  const headers = new Headers({ "content-length": "0", vary: "accept", "x-b": "1", ratelimit: "theirs", location: "/v1/x" });
  upstream = () => new Response(null, { status: 302, headers });
  module.readdressed = (facts, place, generation, name, value) => (value === "/v1/x" ? "/sold/x" : undefined);
  const answer = await call();
  assert.equal(answer.headers.get("ratelimit"), '"p";r=9');
  assert.equal(answer.headers.get("vary"), "accept, origin");
  assert.deepEqual([answer.headers.get("x-b"), answer.headers.get("location")], [null, "/sold/x"]);
  headers.set("location", "https://elsewhere.test/");
  assert.equal((await call()).headers.get("location"), "https://elsewhere.test/", "what is another's stays");
});
