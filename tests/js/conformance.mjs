// Runs the ledger's conformance suite in a Durable Object inside workerd: `conformance.mjs DIRECTORY`, where the directory holds
// what wasm-bindgen makes of `tests/conformance`. Ends with 0 when the store keeps every rule.

import { readdirSync } from "node:fs";
import { join } from "node:path";
import { Miniflare, convertV4MiniflareOptions } from "miniflare";

const directory = process.argv[2];
const types = { js: "ESModule", wasm: "CompiledWasm" };
const modules = readdirSync(directory, { recursive: true })
  .map((name) => ({ type: types[name.slice(name.lastIndexOf(".") + 1)], path: join(directory, name) }))
  .filter(({ type }) => type);
const entry = `
import { Store, fetch, initSync } from "./bindings.js";
import module from "./bindings_bg.wasm";
initSync({ module });
export { Store };
export default { fetch };
`;
const miniflare = new Miniflare(
  convertV4MiniflareOptions({
    host: "127.0.0.1",
    port: 0,
    cf: false,
    workers: [
      {
        name: "conformance",
        compatibilityDate: "2026-10-01",
        modulesRoot: directory,
        modules: [
          { type: "ESModule", path: join(directory, "entry.js"), contents: entry },
          ...modules,
        ],
        durableObjects: { STORE: { className: "Store", useSQLite: true } },
      },
    ],
  }),
);

// A rule that is not kept is a panic, which is printed and leaves the request without an answer.
setTimeout(() => {
  console.error("the suite did not come to its end within two minutes");
  process.exit(1);
}, 120_000);

let kept = false;
try {
  await miniflare.ready;
  const answer = await miniflare.dispatchFetch("http://conformance.test/durable-object");
  const text = await answer.text();
  kept = answer.ok && text === "kept";
  console.log(kept ? "the Durable Object keeps books as every platform must" : `HTTP ${answer.status}: ${text}`);
} catch (error) {
  console.error(`${error}`);
}
await miniflare.dispose().catch(() => {});
process.exit(kept ? 0 : 1);
