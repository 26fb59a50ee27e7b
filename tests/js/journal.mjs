// Prints the keys of the usage journal, each with its expiration in seconds, as JSON: [[key, seconds or null], …]. Reads the
// files in which Miniflare keeps its KV namespaces, or Spin its key-value store (argument: the runtime's directory). So what the
// gateway says of itself is not the only witness.

import { readdirSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";

const QUERIES = {
  _mf_entries: "SELECT key, expiration FROM _mf_entries WHERE key LIKE 'usage/%' ORDER BY key",
  spin_key_value: "SELECT key, NULL AS expiration FROM spin_key_value WHERE key LIKE 'usage/%' ORDER BY key",
};

const files = readdirSync(process.argv[2], { recursive: true })
  .filter((name) => name.endsWith(".sqlite") || name.endsWith(".db"))
  .map((name) => join(process.argv[2], name));

const entries = files.flatMap((file) => {
  // The gateway goes on writing: a writer of its is waited for.
  const database = new DatabaseSync(file, { readOnly: true, timeout: 10_000 });
  const tables = database.prepare("SELECT name FROM sqlite_master WHERE type = 'table'").all();
  const query = tables.map(({ name }) => QUERIES[name]).find((query) => query);
  const found = query ? database.prepare(query).all() : [];
  database.close();
  return found.map(({ key, expiration }) => [key, expiration === null ? null : Math.floor(expiration / 1000)]);
});
process.stdout.write(JSON.stringify(entries));
