// A receiver of webhooks that verifies with the npm library `standardwebhooks`, as its users do, and can be down.
//
// Prints {url} as a line of JSON when it listens. PUT / takes {secret, up, advanced}. They are the endpoint's secret, whether it
// takes messages (else it answers 503), and how many milliseconds the sender's clock is ahead. GET / answers with what came in:
// [{id, headers, body, up, error}]. Anything else that is posted is a message. Ends when standard input does.

import { createServer } from "node:http";
import { Webhook } from "standardwebhooks";

const messages = [];
let settings = { secret: "", up: true, advanced: 0 };
let clocks = [0, 0];
let advanced = 0;
const now = Date.now;
Date.now = () => now() + advanced; // The library compares the timestamp with it.

function take(headers, body) {
  const message = { id: headers["webhook-id"], headers, body, up: settings.up };
  // A message may be under way while the sender's clock is moved.
  for (advanced of clocks) {
    try {
      new Webhook(settings.secret).verify(body, headers);
      delete message.error;
      break;
    } catch (error) {
      message.error = `${error}`;
    }
  }
  messages.push(message);
}

const server = createServer(async (request, response) => {
  let body = "";
  for await (const chunk of request) body += chunk;
  if (request.method === "PUT") {
    settings = { ...settings, ...JSON.parse(body) };
    clocks = [settings.advanced, clocks[0]];
    return response.writeHead(204).end();
  }
  if (request.method === "GET") return response.end(JSON.stringify(messages));
  take(request.headers, body);
  response.writeHead(settings.up ? 204 : 503).end();
});
server.listen(0, "127.0.0.1", () => {
  process.stdout.write(`${JSON.stringify({ url: `http://127.0.0.1:${server.address().port}/` })}\n`);
});
process.stdin.resume().once("end", () => process.exit(0));
