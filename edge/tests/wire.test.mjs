// The wire as JavaScript reads it: the golden file that the Rust side writes is understood, and nothing else is.

import assert from "node:assert/strict";
import { test } from "node:test";

import { CODE, PLACE, VERDICT, connect, goesAlong, readMessage, writeFacts } from "../src/wire.js";
import { GOLDEN, fakeModule, message, say } from "./module.mjs";

function connected() {
  const module = fakeModule({});
  connect(module.memory, module.addresses());
  return module;
}

// What was read, as JSON has it: no limit is no number there.
const asJson = (value) => JSON.parse(JSON.stringify(value));

test("places, verdicts and codes are those of the golden file", () => {
  assert.deepEqual([PLACE, VERDICT, CODE], [GOLDEN.places, GOLDEN.verdicts, GOLDEN.codes]);
});

test("the golden messages are read as what they mean, one after the other", () => {
  const { memory } = connected();
  for (const { name, reads, ...golden } of GOLDEN.messages) {
    say(memory, golden);
    assert.deepEqual(asJson(readMessage()), reads, name);
  }
});

test("a verdict that is unknown throws", () => {
  const { memory } = connected();
  for (const verdict of [0, 7, NaN]) {
    say(memory, { numbers: [verdict, 0, 0, 0], text: "" });
    assert.throws(readMessage, /none that this script knows/);
  }
});

test("a new module has kept nothing of the old one", () => {
  const { memory } = connected();
  const known = message("the same, and the texts are known");
  say(memory, known);
  assert.notEqual(readMessage().url, known.reads.url);
});

test("messages are read and facts are written once the memory has grown", () => {
  const module = connected();
  module.memory.grow(1);
  const [golden] = GOLDEN.messages;
  say(module.memory, golden);
  assert.deepEqual(asJson(readMessage()), golden.reads);
  module.memory.grow(1);
  assert.equal(module.facts(writeFacts("GET\nhttps://h/\na: ü")), "GET\nhttps://h/\na: ü");
});

test("facts that are too long are not written, and half a character is none", () => {
  const module = connected();
  assert.equal(writeFacts("x".repeat(1_024)), 1_024);
  assert.ok(writeFacts("x".repeat(1_025)) < 0);
  assert.ok(writeFacts(`${"x".repeat(1_023)}ü`) < 0);
  assert.equal(module.facts(writeFacts("a: \uD800")), "a: \uFFFD");
});

test("each of the hundred fields has its bit", () => {
  const { reads } = message("a call with a hundred fields, whose bytes and time are limited");
  const along = Array.from({ length: 100 }, (_, at) => at).filter((at) => goesAlong(reads.goes, at));
  assert.deepEqual(along, [0, 31, 32, 99]);
});

// A generator whose numbers come from a seed (mulberry32).
function random(seed) {
  return (below) => {
    seed = (seed + 0x6d2b79f5) | 0;
    let mixed = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

test("any facts arrive as the general way would bring them, whole or not at all", () => {
  const seed = Number(process.env.FAREBOX_SEED ?? Date.now() % 2 ** 31);
  const below = random(seed);
  const module = connected();
  const units = [() => 32 + below(95), () => below(0x110), () => 0xd700 + below(0xa00), () => below(0x10000)];
  for (let round = 0; round < 20_000; round += 1) {
    const unit = units[below(units.length)];
    const text = String.fromCharCode(...Array.from({ length: below(1_200) }, unit));
    const general = new TextEncoder().encode(text);
    const length = writeFacts(text);
    const why = `replay with FAREBOX_SEED=${seed}, round ${round}`;
    assert.equal(length, general.length <= 1_024 ? general.length : -1, why);
    if (length >= 0) assert.equal(module.facts(length), new TextDecoder().decode(general), why);
  }
});
