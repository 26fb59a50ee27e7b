// Receives what the gateway tells of your customers' accounts, with the npm package `standardwebhooks`.
//
//     WEBHOOK_SECRET=whsec_… PORT=8080 node receive.mjs      # the secret is what `farebox webhook create` prints
//
// A message comes again until it is answered with 2xx, so each is taken once, by its id.

import { createServer } from "node:http";
import { pathToFileURL } from "node:url";
import { Webhook } from "standardwebhooks";

const LONGEST = 1024 * 1024;

/// A handler of requests. `take` gets each event once; where it throws, the gateway sends the message again. Keep `taken` in your
/// database, in the transaction that `take` writes in: this one forgets when the process ends.
export function receiver(secret, take, taken = new Set()) {
  const webhook = new Webhook(secret);
  return async (request, response) => {
    const body = await read(request);
    let event;
    try {
      event = webhook.verify(body, request.headers);
    } catch {
      return response.writeHead(400).end();
    }
    const id = request.headers["webhook-id"];
    try {
      if (!taken.has(id)) await take(event);
    } catch (error) {
      console.error(`${id}: ${error}`);
      return response.writeHead(500).end();
    }
    taken.add(id);
    return response.writeHead(204).end();
  };
}

async function read(request) {
  const parts = [];
  let length = 0;
  for await (const part of request) {
    length += part.length;
    if (length <= LONGEST) parts.push(part);
  }
  return Buffer.concat(parts).toString();
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  const take = ({ type, data }) => console.log(type, data.account);
  createServer(receiver(process.env.WEBHOOK_SECRET, take)).listen(Number(process.env.PORT ?? 8080), "127.0.0.1");
}
