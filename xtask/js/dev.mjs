// Runs both Workers on Miniflare for `cargo xtask dev`, and nothing else: building, the demo origin and the demo account
// are xtask's.
//
// In: one line of JSON on standard input: {root, port, state, builds, bindings, operations}; `builds` names the directory that each
// Worker was built into, `operations` how many the billing Worker may ask for at an event. Out: one line of JSON on standard output when the
// gateway serves: {gateway}. Everything else that anybody prints goes to standard error.
// Invariant: ends, with workerd, when standard input ends. So it cannot outlive the xtask that started it, however that died.

import { createInterface } from "node:readline";
import { once } from "node:events";
import { readdirSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";

console.log = console.error;
const { Miniflare, convertV4MiniflareOptions } = await import("miniflare");
const { unstable_getMiniflareWorkerOptions, unstable_readConfig } = await import("wrangler");

const MODULE_TYPES = { ".js": "ESModule", ".wasm": "CompiledWasm" };

/** What `wrangler.toml` at `config` says of the Worker in `build`, as Miniflare wants it, with `bindings` beside those it names. */
function worker(config, build, bindings) {
  const { workerOptions, main } = unstable_getMiniflareWorkerOptions(config);
  const path = (name) => join(build, name);
  const type = (name) => MODULE_TYPES[name.slice(name.lastIndexOf("."))];
  const entry = basename(main);
  const others = readdirSync(build, { recursive: true }).filter((name) => name !== entry && type(name));
  const { modulesRules: _, ...options } = workerOptions;
  return {
    ...options,
    name: unstable_readConfig({ config }).name,
    rootPath: build,
    modulesRoot: build,
    modules: [entry, ...others].map((name) => ({ type: type(name), path: path(name) })),
    bindings: { ...options.bindings, ...bindings },
  };
}

/** The same Worker behind `limited.mjs`: it may ask for `operations` at each event. */
function behindLimit(worker, operations) {
  const [{ path: main }] = worker.modules;
  const module = (name, contents) => ({ type: "ESModule", path: join(worker.rootPath, name), contents });
  const entry = `
import worker from "./${basename(main)}";
import { limited } from "./limited.mjs";
export * from "./${basename(main)}";
export default limited(worker, ${operations});
`;
  const limited = readFileSync(join(root, "xtask/js/limited.mjs"), "utf8");
  return { ...worker, modules: [module("behind-limit.mjs", entry), module("limited.mjs", limited), ...worker.modules] };
}

/** Fires `worker`'s cron triggers as Cloudflare does: at the turn of each minute. All of ours run every minute. */
function startScheduler(miniflare, worker, crons) {
  const wait = () => 60_000 - (Date.now() % 60_000);
  const tick = async () => {
    setTimeout(tick, wait());
    // A runtime that is just being started again refuses at any of these, not only in what they promise.
    try {
      const fetcher = await miniflare.getWorker(worker);
      for (const cron of crons) await fetcher.scheduled({ cron });
    } catch (error) {
      console.error(`the scheduled run failed: ${error}`);
    }
  };
  setTimeout(tick, wait());
}

const input = createInterface({ input: process.stdin });
const [line] = await once(input, "line");
const { root, port, state, builds, bindings, operations } = JSON.parse(line);

const billingConfig = join(root, "billing-worker/wrangler.toml");
const edge = worker(join(root, "wrangler.toml"), builds.edge, bindings);
const billing = behindLimit(worker(billingConfig, builds.billing, bindings), operations);

const miniflare = new Miniflare(
  convertV4MiniflareOptions({
    // The address that Miniflare itself serves is not used: its entry Worker rewrites `Accept-Encoding` and costs as much
    // as the gateway. The gateway's own socket is a direct one.
    host: "127.0.0.1",
    port: 0,
    cf: false,
    resourcePersistencePath: state,
    workers: [{ ...edge, unsafeDirectSockets: [{ host: "127.0.0.1", port }] }, billing],
  }),
);

let ending = false;
async function end(code) {
  if (ending) return;
  ending = true;
  await miniflare.dispose().catch(() => {});
  process.exit(code);
}
input.once("close", () => end(0));
process.once("SIGTERM", () => end(0));

try {
  await miniflare.ready;
  const gateway = await miniflare.unsafeGetDirectURL(edge.name);
  startScheduler(miniflare, billing.name, unstable_readConfig({ config: billingConfig }).triggers.crons);
  process.stdout.write(`${JSON.stringify({ gateway: gateway.origin })}\n`);
} catch (error) {
  console.error(`${error}`);
  await end(1);
}
