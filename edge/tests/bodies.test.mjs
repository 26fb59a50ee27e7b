// Bodies on their way: what is counted is what went through, and no byte goes that nobody has room for.

import assert from "node:assert/strict";
import { test } from "node:test";

import { Malformed, NO_BODY, counted, readAtMost, whole } from "../src/bodies.js";
import { bodyOf } from "./streams.mjs";

const NO_LIMIT = { room: Infinity };

const length = (text) => new Headers({ "content-length": text });

test("no body is no body, and one that was read is counted whole", () => {
  assert.equal(counted(null, new Headers(), NO_LIMIT), NO_BODY);
  assert.deepEqual(whole(new Uint8Array(0)), { body: null, bytes: 0 });
  assert.equal(whole(new Uint8Array(3)).bytes, 3);
});

test("a small body is counted by its length and handed on as it is, where nobody limits it", () => {
  const body = bodyOf("abc");
  const count = counted(body, length("3"), NO_LIMIT);
  assert.deepEqual([count.bytes, count.body === body, count.done], [3, true, undefined]);
});

test("a body of unknown length is counted as it goes", async () => {
  const count = counted(bodyOf("abc", "defg"), new Headers(), NO_LIMIT);
  assert.equal(await new Response(count.body).text(), "abcdefg");
  await count.done;
  assert.equal(count.bytes, 7);
});

test("no byte goes before there is room for it", async () => {
  const asks = [];
  const flow = {
    room: 2,
    more: async () => {
      asks.push(count.bytes);
      return 3;
    },
  };
  const count = counted(bodyOf("abcdefg"), length("7"), flow);
  assert.equal(await new Response(count.body).text(), "abcdefg");
  await count.done;
  assert.deepEqual([count.bytes, asks], [7, [2, 5]]);
});

test("a body that nobody pays for any more breaks off, with what went", async () => {
  const flow = {
    room: 2,
    more: () => Promise.reject(new Error("nobody pays for more")),
  };
  const count = counted(bodyOf("abcdefg"), length("7"), flow);
  await assert.rejects(new Response(count.body).text());
  await count.done;
  assert.equal(count.bytes, 2);
});

test("a body that breaks off where it comes from breaks off where it goes to, and says so", async () => {
  let broke = 0;
  const flow = {
    room: Infinity,
    broken: () => {
      broke += 1;
    },
  };
  const count = counted(bodyOf("abc", new Error("gone")), new Headers(), flow);
  await assert.rejects(new Response(count.body).text());
  await count.done;
  assert.deepEqual([count.bytes, broke], [3, 1]);
});

test("a body whose caller has left is read on where somebody reads it, and counts what went", async () => {
  const read = [];
  const flow = {
    room: Infinity,
    reads: (piece) => read.push(new TextDecoder().decode(piece)),
    left: () => read.push("left"),
  };
  const count = counted(bodyOf("abc", "def", "ghi"), length("9"), flow);
  const reader = count.body.getReader();
  assert.equal((await reader.read()).value.byteLength, 3);
  await reader.cancel();
  await count.done;
  assert.deepEqual([read.join(""), count.bytes < 9], ["abcdefghi", true]);
});

test("equal lengths are one, and lengths that differ or are none are refused", () => {
  const limited = { room: 1, more: async () => 9 };
  assert.ok(counted(bodyOf("abcde"), length("5, 5"), limited).done);
  for (const text of ["5, 6", "-1", "x", "9007199254740992"]) {
    assert.throws(() => counted(bodyOf(""), length(text), limited), Malformed, text);
  }
});

test("a body that is read whole is read to its end, or to one byte more than the limit", async () => {
  const letters = [..."abcdefg"];
  const text = async (limit) => new TextDecoder().decode(await readAtMost(bodyOf(...letters), limit));
  assert.deepEqual([await text(8), await text(7), (await text(6)).length], ["abcdefg", "abcdefg", 7]);
  const large = "x".repeat(40_000);
  assert.equal((await readAtMost(bodyOf(large, large), 100_000)).byteLength, 80_000);
  assert.equal((await readAtMost(bodyOf(large, large), 50_000)).byteLength, 50_001);
  await assert.rejects(readAtMost(bodyOf("abc", new Error("gone")), 8));
});

test("an upload that comes in many small pieces at once is gathered, and no other body is", async () => {
  const pieces = async (gathers, size, chunks) => {
    const taken = [];
    const count = counted(bodyOf(...Array(chunks).fill("x".repeat(size))), new Headers(), { room: Infinity, gathers });
    for await (const piece of count.body) taken.push(piece.byteLength);
    await count.done;
    assert.equal(count.bytes, size * chunks);
    return taken.length;
  };
  assert.equal(await pieces(true, 1, 5_000), 64 + 2, "4,936 bytes are 4,096 and the rest");
  assert.ok((await pieces(false, 1, 5_000)) > 4_000);
  assert.equal(await pieces(true, 256, 100), 100);
});
