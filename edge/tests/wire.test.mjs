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
