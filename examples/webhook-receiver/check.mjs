// Serves the receiver for the tests. Prints {url}; takes {secret} as a line of standard input; prints each event that it takes.
// Ends when standard input does.

import { createServer } from "node:http";
import { createInterface } from "node:readline";
import { receiver } from "./receive.mjs";

const print = (value) => console.log(JSON.stringify(value));
let handle = (_, response) => response.writeHead(503).end();
const server = createServer((request, response) => handle(request, response));
server.listen(0, "127.0.0.1", () => print({ url: `http://127.0.0.1:${server.address().port}/` }));
const lines = createInterface({ input: process.stdin });
lines.on("line", (line) => {
  handle = receiver(JSON.parse(line).secret, print);
});
lines.on("close", () => process.exit(0));
