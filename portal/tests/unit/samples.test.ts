// The programs to copy: they hold the customer's values as the language writes them, and their signatures are right.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { createHmac } from "node:crypto";
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import { promisify } from "node:util";
import type { Product } from "../../src/kit/types.ts";
import { exampleUrl, PROGRAMMING, type Programming, sample } from "../../src/storefront/samples/index.ts";

const KEYS = { key: "ak_1", secret: 'it\'s a "secret" \\ $PATH', api_key: "fb_live_1" };
const run = promisify(execFile);

/** The languages whose programs run wherever these tests do. */
const RUNNERS: Partial<Record<Programming, (program: string) => [string, string[]]>> = {
  curl: (program) => ["sh", ["-c", program]],
  javascript: (program) => [process.execPath, ["--input-type=module", "-e", program]],
  python: (program) => ["python3", ["-c", program]],
};

/** What the server that a program calls has received. */
async function received(
  program: (url: string) => [string, string[]],
): Promise<{ request: IncomingMessage; url: string }> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/weather/v1/1`;
  const asked = new Promise<IncomingMessage>((resolve) =>
    server.on("request", (request, response) => {
      response.end("{}");
      resolve(request);
    }),
  );
  try {
    const [command, given] = program(url);
    await run(command, given, { env: { ...process.env, no_proxy: "*" } });
    return { request: await asked, url };
  } finally {
    server.close();
  }
}

const hmac = (text: string) => createHmac("sha256", KEYS.secret).update(text).digest("base64");

for (const [language, runner] of Object.entries(RUNNERS) as [Programming, (program: string) => [string, string[]]][]) {
  test(`${language}: a plain key stands in the field that the gateway reads`, async () => {
    const { request } = await received((url) => runner(sample("key", language, url, KEYS)));
    assert.equal(request.headers.authorization, "Bearer fb_live_1");
  });

  test(`${language}: an x-ca signature is that of the string to sign`, async () => {
    const { request } = await received((url) => runner(sample("x-ca", language, url, KEYS)));
    const { headers } = request;
    const signed = String(headers["x-ca-signature-headers"]).split(",");
    const lines = signed.map((name) => `${name}:${headers[name]}`);
    const text = ["GET", headers.accept, "", "", "", ...lines, request.url].join("\n");
    assert.equal(headers["x-ca-signature"], hmac(text));
    assert.equal(headers["x-ca-key"], KEYS.key);
    assert.ok(Math.abs(Number(headers["x-ca-timestamp"]) - Date.now()) < 60_000);
  });

  test(`${language}: a signature by RFC 9421 is that of its base`, async () => {
    const { request, url } = await received((url) => runner(sample("rfc9421", language, url, KEYS)));
    const params = String(request.headers["signature-input"]).replace(/^sig=/, "");
    const base = [`"@method": GET`, `"@target-uri": ${url}`, `"@signature-params": ${params}`].join("\n");
    assert.equal(request.headers.signature, `sig=:${hmac(base)}:`);
    assert.match(params, /keyid="ak_1"/);
  });
}

const NAMES = { key: /API_1/, appcode: /API_1/, "x-ca": /KEY_1/, rfc9421: /KEY_1/, jwt: /Bearer YOUR_TOKEN/ };

test("every program of every scheme names the address and the key", () => {
  for (const scheme of ["key", "appcode", "x-ca", "rfc9421", "jwt"] as const) {
    for (const { value } of PROGRAMMING) {
      const program = sample(scheme, value, "https://api.example/a/1", { key: "KEY_1", secret: "s", api_key: "API_1" });
      assert.match(program, /https:\/\/api\.example\/a\/1/, `${scheme} ${value}`);
      assert.match(program, NAMES[scheme], `${scheme} ${value}`);
      assert.doesNotMatch(program, /\{\{/, `${scheme} ${value}`);
    }
  }
});

test("an example is of a route that takes GET, with its parameters filled in", () => {
  const routes = [
    { methods: ["POST"], path: "/a" },
    { methods: ["GET"], path: "/b/{id}/{*rest}" },
  ];
  assert.equal(exampleUrl({ routes } as Product, "https://api.example"), "https://api.example/b/1/hello");
});
