// A module that says what a test has it say, and notes what it was asked. Its memory is a real one.

import { readFileSync } from "node:fs";

export const GOLDEN = JSON.parse(readFileSync(new URL("./wire.json", import.meta.url), "utf8"));

const NUMBERS_AT = 8;
const FACTS_AT = 2_048;
const FACTS_BYTES = 1_024;
const TEXT_AT = 4_096;

// Makes bindings over a memory of its own. `says` gives the message that each function leaves, by its name.
export function fakeModule(says) {
  const memory = new WebAssembly.Memory({ initial: 1 });
  const asked = [];
  const notes = (name, gives) => (...given) => {
    asked.push([name, ...given]);
    const message = says[name]?.(...given);
    if (message !== undefined) say(memory, message);
    return gives;
  };
  const task = (name) => (...given) => ({
    poll(wake) {
      const later = says[`${name}Waits`]?.(wake);
      if (later === true) return false;
      notes(name)(...given);
      return true;
    },
    free() {},
  });
  const calls = ["admit", "admit_written", "reject", "reject_admitted", "answered", "flow", "start", "__wbg_reset_state"];
  const units = ["said_units", "begin_units", "read_units", "left_units"];
  const names = [...calls, ...units];
  const bindings = Object.fromEntries(names.map((name) => [name, notes(name)]));
  return Object.assign(bindings, {
    asked,
    memory,
    initSync: () => ({ memory }),
    addresses: () => [NUMBERS_AT, FACTS_AT, FACTS_BYTES],
    has_movable_clock: () => false,
    finish: notes("finish", false),
    decide: task("decide"),
    fund: task("fund"),
    background: task("background"),
    facts: (length) => new TextDecoder().decode(new Uint8Array(memory.buffer, FACTS_AT, length)),
  });
}

// Leaves a message where the module would. It must not stand at the start of the memory, or an address could be mistaken.
export function say(memory, { numbers, text }) {
  const encoded = new TextEncoder().encode(text);
  new Uint8Array(memory.buffer).set(encoded, TEXT_AT);
  const places = new Float64Array(memory.buffer, NUMBERS_AT);
  places.set(numbers);
  places[GOLDEN.places.TEXT_AT] = TEXT_AT;
}

// The golden message of this name.
export function message(name) {
  return GOLDEN.messages.find((message) => message.name === name);
}
