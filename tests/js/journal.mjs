// Prints the keys of the usage journal, each with its expiration in seconds, as JSON: [[key, seconds or null], …]. Reads the
// files that Miniflare keeps its KV namespaces in (argument: its directory), so that what the gateway says of itself is
// not the only witness.

import { readdirSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";

const files = readdirSync(process.argv[2], { recursive: true })
  .filter((name) => name.endsWith(".sqlite") && name.split("/").includes("kv"))
  .map((name) => join(process.argv[2], name));

const entries = files.flatMap((file) => {
  const database = new DatabaseSync(file, { readOnly: true });
  const hasEntries = database.prepare("SELECT 1 FROM sqlite_master WHERE name = '_mf_entries'").get();
  const found = hasEntries
    ? database.prepare("SELECT key, expiration FROM _mf_entries WHERE key LIKE 'usage/%' ORDER BY key").all()
    : [];
  database.close();
  return found.map(({ key, expiration }) => [key, expiration === null ? null : Math.floor(expiration / 1000)]);
});
process.stdout.write(JSON.stringify(entries));
