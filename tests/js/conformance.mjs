// Runs the ledger's conformance suite in a Durable Object inside workerd: `conformance.mjs DIRECTORY`, where the directory holds
// what wasm-bindgen makes of `tests/conformance`. Then sends a letter by the binding for mail. Ends with 0 when the store keeps
// every rule and the letter went out as it was written.

import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { Log, LogLevel, Miniflare, convertV4MiniflareOptions } from "miniflare";

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
/** Waits for what Miniflare says of a letter once it was sent: from whom to whom, and the files in which it keeps its parts. */
class Letters extends Log {
  sent = new Promise((resolve) => {
    this.tell = resolve;
  });

  log(message) {
    if (message.includes("send_email binding called")) this.tell(message);
  }
}
const log = new Letters(LogLevel.INFO);

const miniflare = new Miniflare(
  convertV4MiniflareOptions({
    log,
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
        durableObjects: {
          STORE: { className: "Store", useSQLite: true },
          ACCOUNTS: { className: "Store", useSQLite: true },
        },
        kvNamespaces: ["CONFIG", "USAGE"],
        email: { send_email: [{ name: "MAIL" }] },
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
  const letter = await miniflare.dispatchFetch("http://conformance.test/mail");
  if (!letter.ok) throw new Error(`HTTP ${letter.status}: ${await letter.text()}`);
  const said = await log.sent;
  const part = (name) => readFileSync(new RegExp(`${name}: (\\S+)`).exec(said)?.[1] ?? "", "utf8");
  const isAddressed = ["hello@acme.example", "ann@example.com", "Sign in"].every((text) => said.includes(text));
  const isWhole = isAddressed && part("Text") === "The code is 123456." && part("HTML") === "<p>The code is 123456.</p>";
  console.log(isWhole ? "the binding sends a letter as it was written" : said);
  kept &&= isWhole;
} catch (error) {
  kept = false;
  console.error(`${error}`);
}
await miniflare.dispose().catch(() => {});
process.exit(kept ? 0 : 1);
