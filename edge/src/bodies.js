// Bodies on their way through the edge Worker, and their count of bytes.
//
// It decides nothing of calls and prices: how many bytes may go it is told by `flow`. Invariant: `bytes` is what went through
// and no more, no byte goes that `flow` has no room for, and `done` settles, whoever goes away. A body that breaks off where
// it comes from breaks off where it goes to.

// Bodies up to this announced length are counted by it where nobody limits their bytes. What the platform has handed to the
// connection in one piece counts as sent; all others are counted as they go.
const COUNTED_BY_LENGTH = 16 * 1024;
// A stream is read in pieces of at least the first size, and of up to the second where it fills them. Each piece costs garbage,
// and few large ones cost least of it.
const SMALLEST_PIECE = 64 * 1024;
const LARGEST_PIECE = 512 * 1024;
// Each piece that comes to JavaScript costs some 50 µs, and the runtime's own work on it 4 µs. So where that many pieces of an
// upload in a row are smaller than this, all within as many milliseconds, the rest is read in pieces of at least the last size.
// What comes in small pieces and slowly is handed on at once.
const SMALL_PIECES = 64;
const SMALL_PIECE = 256;
const SMALL_WITHIN = 100;
const GATHERED_PIECE = 4 * 1024;
// What is read whole is read into as much at first.
const READ_AT_FIRST = 16 * 1024;
// How often `flow` is asked at least, in milliseconds, while anything goes: `ASKS_EVERY` of the gateway.
const ASKS_EVERY = 5_000;
// How long an event stream may be silent, in milliseconds, before it is tried whether its caller is there.
const SILENCE = 2_000;
// How long the runtime may take, in milliseconds, to send the last piece before a body is broken off. The runtime says only that
// it has taken a piece, and breaking off loses what it has not sent.
const LAST_PIECE_WITHIN = 200;
// A line that a client of an event stream passes over (HTML, section 9.2.6).
const COMMENT = new TextEncoder().encode(":\n");
const LINE_FEED = 10;
const UNKNOWN = -1;
// How long a body is read on, in milliseconds, whose caller has left, where somebody reads what it says: `WAITS_FOR_UNITS` of the
// gateway.
const READ_ON = 25_000;

export const NO_BODY = { body: null, bytes: 0 };

// An announced length that is none.
export class Malformed extends Error {}

// A body that was read, and its count.
export function whole(body) {
  return { body: body.byteLength === 0 ? null : body, bytes: body.byteLength };
}

// Reads a body to its end. It has more than `limit` bytes when more come back. Pieces are gathered by the runtime, however small
// they come.
export async function readAtMost(body, limit) {
  const reader = body.getReader({ mode: "byob" });
  let read = new Uint8Array(0);
  while (read.byteLength <= limit) {
    const room = Math.min(Math.max(READ_AT_FIRST, 2 * read.byteLength), limit + 1);
    const larger = new Uint8Array(room);
    larger.set(read);
    const min = room - read.byteLength;
    const { done, value } = await reader.read(new Uint8Array(min), { min });
    // At the end there may be less, with `done` (the standard) or before it (workerd).
    const length = value?.byteLength ?? 0;
    if (length !== 0) larger.set(value, read.byteLength);
    read = larger.subarray(0, read.byteLength + length);
    if (done) return read;
  }
  reader.cancel().catch(() => {});
  return read;
}

// A body and its count of bytes: known at once, or growing while `body` is read, until `done` settles. `letGo` ends it before its
// time. `flow` has the `room` for bytes at first, gives `more`, and hears where the body has `broken` off. One that `gathers` may
// have small pieces wait for others. `reads` is given each piece, also those that come after the caller has left. Where the body
// does not end in time after that, `left` is called.
export function counted(body, headers, flow) {
  if (body === null) return NO_BODY;
  const isLimited = flow.room !== Infinity;
  const length = announced(headers, isLimited);
  const isKnown = !isLimited && length !== UNKNOWN && length <= COUNTED_BY_LENGTH;
  if (isKnown && flow.reads === undefined) return { body, bytes: length };
  const { readable, writable } = length === UNKNOWN ? new IdentityTransformStream() : new FixedLengthStream(length);
  const reader = body.getReader({ mode: "byob" });
  const writer = writable.getWriter();
  const count = { body: readable, bytes: 0, isLeft: false, isIdle: false, last: 0, timer: undefined };
  const cancel = () => {
    reader.cancel().catch(() => {});
  };
  count.letGo = () => {
    if (count.isLeft) return;
    count.isLeft = true;
    if (flow.reads === undefined) return cancel();
    count.timer = setTimeout(() => {
      flow.left();
      cancel();
    }, READ_ON);
  };
  count.nudge = () => {
    if (count.isIdle && count.last === LINE_FEED) writer.write(COMMENT).catch(count.letGo);
  };
  count.done = pump(reader, writer, count, flow);
  return count;
}

// Ends a body once its caller has left, also while nothing goes through. Cloudflare's front tells. workerd alone knows nothing of
// `cf`. It hears of a reset connection, but of a closed one only once it sends, as that may be half open. So it sends a silent
// event stream a comment, unless nothing may be changed of it (RFC 9110, section 7.7).
export function watch(count, request, headers) {
  request.signal?.addEventListener("abort", count.letGo);
  if (request.cf !== undefined) return;
  const is = (name, value) => (headers.get(name) ?? "").toLowerCase().includes(value);
  if (!is("content-type", "text/event-stream") || headers.has("content-encoding") || is("cache-control", "no-transform")) return;
  const timer = setInterval(count.nudge, SILENCE);
  count.done.then(() => clearInterval(timer));
}

// The announced length. Several equal ones are one (RFC 9110, section 8.6), and chunks win over a length (RFC 9112,
// section 6.3). Of a small body that is counted by its length, the runtime looks itself.
function announced(headers, isLimited) {
  const text = headers.get("content-length");
  if (text === null) return UNKNOWN;
  let length = Number(text);
  if (!isLimited && length >= 0 && length <= COUNTED_BY_LENGTH) return length;
  if (headers.has("transfer-encoding")) return UNKNOWN;
  if (Number.isNaN(length)) {
    const [first, ...others] = text.split(",").map((one) => one.trim());
    if (others.every((other) => other === first)) length = Number(first);
  }
  if (!Number.isSafeInteger(length) || length < 0) throw new Malformed(`the length of the body is ${text}`);
  return length;
}

// How much of an upload is read at least: see `SMALL_PIECES`.
class Gathering {
  least = 1;
  small = 0;
  since = 0;

  saw(length) {
    if (this.least !== 1) return;
    if (length >= SMALL_PIECE || this.small === 0) this.since = Date.now();
    this.small = length < SMALL_PIECE ? this.small + 1 : 0;
    if (this.small < SMALL_PIECES) return;
    if (Date.now() - this.since < SMALL_WITHIN) this.least = GATHERED_PIECE;
    this.small = 0;
  }
}

// Reads a body to its end that goes nowhere any more.
async function readOn(reader, count, flow) {
  count.letGo();
  try {
    for (;;) {
      const { done, value } = await reader.read(new Uint8Array(SMALLEST_PIECE));
      if (value !== undefined && value.byteLength !== 0) flow.reads(value);
      if (done) return;
    }
  } finally {
    clearTimeout(count.timer);
  }
}

// Copies a stream. A write settles when the reader has taken it, so `count` holds what went through and no more.
async function pump(reader, writer, count, flow) {
  let { room } = flow;
  let asked = Date.now();
  const gathering = flow.gathers ? new Gathering() : null;
  let isWriting = false;
  try {
    let buffer = new ArrayBuffer(SMALLEST_PIECE);
    for (;;) {
      count.isIdle = true;
      const { done, value } = await reader.read(new Uint8Array(buffer), { min: gathering?.least ?? 1 });
      count.isIdle = false;
      const length = value?.byteLength ?? 0;
      if (length !== 0) flow.reads?.(value);
      if (count.isLeft) throw new Error("the other side has gone");
      gathering?.saw(length);
      for (let at = 0; at < length; ) {
        if (room === 0 || Date.now() - asked >= ASKS_EVERY) {
          room = await flow.more();
          asked = Date.now();
        }
        const until = Math.min(length, at + room);
        isWriting = true;
        await writer.write(value.subarray(at, until));
        isWriting = false;
        count.bytes += until - at;
        room -= until - at;
        at = until;
      }
      if (done) break;
      count.last = value[length - 1];
      buffer = value.buffer;
      if (length === buffer.byteLength && length < LARGEST_PIECE) buffer = new ArrayBuffer(2 * length);
    }
    isWriting = true;
    await writer.close();
  } catch (error) {
    count.isIdle = false;
    if (!isWriting && !count.isLeft) {
      flow.broken?.();
      await new Promise((resolve) => setTimeout(resolve, LAST_PIECE_WITHIN));
    } else if (flow.reads !== undefined) {
      await Promise.allSettled([writer.abort(error), readOn(reader, count, flow)]);
    }
    await Promise.allSettled([reader.cancel(error), writer.abort(error)]);
  }
}
