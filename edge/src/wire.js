// The wire between WebAssembly and JavaScript: how a request's facts are written, and a message is read.
//
// `workers/wire.rs` says what a message is, and `tests/wire.json` pins it for both sides. Invariant: a message is read at
// once and whole, because the next one takes its place, and because the texts to keep come with it. What is not understood throws.

export const VERDICT = { FORWARD: 1, REJECT: 2, READ_BODY: 3, WAIT: 4, GO: 5, END: 6 };

// Why a call is answered by the gateway once it was admitted, or a stream ends.
export const CODE = {
  BODY_TOO_LARGE: 1,
  BODY_BROKEN: 2,
  UPSTREAM_UNREACHABLE: 3,
  UPSTREAM_TIMEOUT: 4,
  UPSTREAM_MALFORMED: 5,
  CREDENTIAL_REVOKED: 6,
  ACCOUNT_SUSPENDED: 7,
  QUOTA_EXHAUSTED: 8,
  QUOTA_EXPIRED: 9,
  BALANCE_EXHAUSTED: 10,
  LEDGER_UNAVAILABLE: 11,
  LEASED_OUT: 12,
};

// How a call came out that the upstream did not answer, and one whose caller left before its request was whole. Any other came out
// with its status.
export const OUTCOME = { UNANSWERED: 0, ABANDONED: 1 };

// What becomes of the upstream's own fields of a name, by what stands before the name.
export const HOW = { SET: 0, ADD: 1, REMOVE: 2, READDRESS: 3 };
const MARKS = { "+": HOW.ADD, "-": HOW.REMOVE, "~": HOW.READDRESS };
// Where an answer says how many units its call came to.
export const UNITS = { NOWHERE: 0, HEADER: 1, BODY: 2 };

// What stands where in a message.
export const PLACE = {
  VERDICT: 0,
  TEXT_AT: 1,
  TEXT_BYTES: 2,
  BACKGROUND: 3,
  CALL: 4,
  GENERATION: 5,
  TIMEOUT: 6,
  ROOM_IN: 7,
  ROOM_OUT: 8,
  GOES: 9,
  UNITS: 13,
  FORWARD_TEXTS: 14,
  STATUS: 4,
  FIELDS: 5,
  REJECT_TEXTS: 6,
  LIMIT: 4,
  ROOM: 4,
  CODE: 4,
};

const ENCODER = new TextEncoder();
const DECODER = new TextDecoder();
// As many as `NUMBERS` of `wire.rs`.
const NUMBERS = 128;
// A head that is too long to be written.
const UNWRITTEN = -1;
// Lists of names, taken apart once: there are few.
const NAMES = new Map();
const FIELDS = new Map();

let memory;
let addresses;
// The module's memory and two parts of it. They are empty once it has grown.
let bytes;
let numbers;
let facts;
// The texts that are kept, by number. The first one is nothing.
let kept;
// The text of the message that is read, and how far it and its numbers are.
let text;
let textAt;
let numberAt;

// Begins anew with an instance of the module: its memory, and where in it the numbers and the facts are, and how many bytes of these.
export function connect(moduleMemory, moduleAddresses) {
  memory = moduleMemory;
  addresses = moduleAddresses;
  kept = [""];
  view();
}

function view() {
  const [numbersAt, factsAt, factsBytes] = addresses;
  bytes = new Uint8Array(memory.buffer);
  numbers = new Float64Array(memory.buffer, numbersAt, NUMBERS);
  facts = new Uint8Array(memory.buffer, factsAt, factsBytes);
}

// Writes the facts of a request where the module reads them. Gives their length in bytes, or less than 0 where they are too long.
export function writeFacts(packed) {
  if (facts.length === 0) view();
  const { read, written } = ENCODER.encodeInto(packed, facts);
  return read === packed.length ? written : UNWRITTEN;
}

// The message that the module has written last.
export function readMessage() {
  if (numbers.length === 0) view();
  const at = numbers[PLACE.TEXT_AT];
  text = DECODER.decode(bytes.subarray(at, at + numbers[PLACE.TEXT_BYTES]));
  textAt = 0;
  const verdict = numbers[PLACE.VERDICT];
  switch (verdict) {
    case VERDICT.FORWARD:
      return readForward();
    case VERDICT.REJECT:
      return readReject();
    case VERDICT.READ_BODY:
      return { verdict, limit: numbers[PLACE.LIMIT] };
    case VERDICT.WAIT:
      return { verdict };
    case VERDICT.GO:
      return { verdict, room: numbers[PLACE.ROOM], background: numbers[PLACE.BACKGROUND] === 1 };
    case VERDICT.END:
      return { verdict, code: numbers[PLACE.CODE] };
    default:
      throw new Error(`the module's message is none that this script knows: ${verdict}`);
  }
}

function readForward() {
  numberAt = PLACE.FORWARD_TEXTS;
  const url = readText();
  const ownNames = names(readText());
  const shown = shownFields(readText());
  return {
    verdict: VERDICT.FORWARD,
    call: numbers[PLACE.CALL],
    generation: numbers[PLACE.GENERATION],
    timeout: numbers[PLACE.TIMEOUT],
    background: numbers[PLACE.BACKGROUND] === 1,
    roomIn: room(numbers[PLACE.ROOM_IN]),
    roomOut: room(numbers[PLACE.ROOM_OUT]),
    goes: [numbers[PLACE.GOES], numbers[PLACE.GOES + 1], numbers[PLACE.GOES + 2], numbers[PLACE.GOES + 3]],
    units: numbers[PLACE.UNITS],
    url,
    ownNames,
    ownValues: ownNames.map(readText),
    shown,
    shownValues: shown.map(readText),
  };
}

function readReject() {
  numberAt = PLACE.REJECT_TEXTS;
  const headers = [];
  for (let fields = numbers[PLACE.FIELDS]; fields > 0; fields -= 1) headers.push([readText(), readText()]);
  return { verdict: VERDICT.REJECT, status: numbers[PLACE.STATUS], headers, body: readText() };
}

// Whether the `at`th header field of the caller goes along.
export function goesAlong(goes, at) {
  return ((goes[at >> 5] >>> (at & 31)) & 1) === 1;
}

// The next text of the message: what is kept of it, which may have been sent just now, and the rest.
function readText() {
  const number = numbers[numberAt];
  const sent = numbers[numberAt + 1];
  const spelled = numbers[numberAt + 2];
  numberAt += 3;
  if (sent !== 0) kept[number] = cut(sent);
  const rest = cut(spelled);
  return number === 0 ? rest : kept[number] + rest;
}

function cut(length) {
  textAt += length;
  return text.slice(textAt - length, textAt);
}

function names(list) {
  let taken = NAMES.get(list);
  if (taken === undefined) NAMES.set(list, (taken = list === "" ? [] : list.split(",")));
  return taken;
}

function shownFields(list) {
  let taken = FIELDS.get(list);
  if (taken === undefined) FIELDS.set(list, (taken = names(list).map(shownField)));
  return taken;
}

function shownField(marked) {
  const how = MARKS[marked[0]];
  return how === undefined ? { how: HOW.SET, name: marked } : { how, name: marked.slice(1) };
}

function room(count) {
  return count < 0 ? Infinity : count;
}
