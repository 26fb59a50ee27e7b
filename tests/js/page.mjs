// Opens a page of an origin of its own in headless Chromium. The page calls as pages do, and the script prints what it may read.
//
// In, as JSON on standard input: {chromium: path, calls: {name: {url, key}}}. Out: {name: {status, headers, body} or {error}}.

import { createServer } from "node:http";

import { chromium } from "playwright-core";

let text = "";
for await (const chunk of process.stdin) text += chunk;
const given = JSON.parse(text);

const server = createServer((_, response) => {
  response.setHeader("content-type", "text/html; charset=utf-8");
  response.end("<!doctype html><title>A page of another origin</title>");
});
await new Promise((listens) => server.listen(0, "127.0.0.1", listens));
// Chromium's own sandbox wants a user of its own, and its shared memory more than containers have.
const args = ["--no-sandbox", "--disable-dev-shm-usage"];
const browser = await chromium.launch({ executablePath: given.chromium, args });
try {
  const page = await browser.newPage();
  await page.goto(`http://127.0.0.1:${server.address().port}/`);
  console.log(JSON.stringify(await page.evaluate(read, given.calls)));
} finally {
  await browser.close();
  server.close();
}

// Runs in the page: the browser decides what it may read.
async function read(calls) {
  const read = {};
  for (const [name, { url, key }] of Object.entries(calls)) {
    try {
      const answer = await fetch(url, { headers: { authorization: `Bearer ${key}`, "x-mine": "1" } });
      const body = await answer.json();
      read[name] = { status: answer.status, headers: Object.fromEntries(answer.headers), body };
    } catch (error) {
      read[name] = { error: String(error) };
    }
  }
  return read;
}
