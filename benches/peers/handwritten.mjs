// Runs `handwritten.js` on Miniflare as `xtask/js/dev.mjs` runs Farebox: on a socket of its own, which saves it Miniflare's
// entry Worker.
//
// In: one line of JSON on standard input: {state, bindings}. Out: one line of JSON on standard output: {gateway}.
// Ends when standard input ends.

import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { Miniflare, convertV4MiniflareOptions } from "miniflare";

const input = createInterface({ input: process.stdin });
const [line] = await once(input, "line");
const { state, bindings } = JSON.parse(line);
const miniflare = new Miniflare(
  convertV4MiniflareOptions({
    host: "127.0.0.1",
    port: 0,
    cf: false,
    resourcePersistencePath: state,
    workers: [
      {
        name: "handwritten",
        modules: true,
        script: readFileSync(new URL("handwritten.js", import.meta.url), "utf8"),
        compatibilityDate: "2026-10-01",
        kvNamespaces: ["USAGE"],
        bindings,
        unsafeDirectSockets: [{ host: "127.0.0.1", port: 0 }],
      },
    ],
  }),
);
input.once("close", async () => {
  await miniflare.dispose();
  process.exit();
});
await miniflare.ready;
const gateway = await miniflare.unsafeGetDirectURL("handwritten");
console.log(JSON.stringify({ gateway: gateway.origin }));
