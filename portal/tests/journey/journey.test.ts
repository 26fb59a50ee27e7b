// A customer's way through the real pages of a real gateway, without an operator. It leads from the storefront to a paid call,
// out of calls, and on after a payment on the page to which the refused call leads.
//
// `FAREBOX_XTASK` starts the gateway, on the runtime that `FAREBOX_RUNTIME` names, with the demo's catalog: three calls are given.

import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { mkdirSync, mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { test } from "node:test";
import type { Page } from "playwright-core";
import { launch, open } from "../pages/browser.ts";

const RUNTIME = process.env.FAREBOX_RUNTIME ?? "workers";
const SHOTS = join(import.meta.dirname, "../../shots");

/** How many clicks the way to a key may take: issue "A customer can help themselves". */
const MOST_CLICKS = 10;

interface Ready {
  gateway: string;
}

/** A gateway with nothing in it but the demo's catalog. */
async function start(): Promise<{ ready: Ready; process: ChildProcess }> {
  const xtask = process.env.FAREBOX_XTASK ?? join(import.meta.dirname, "../../../target/debug/xtask");
  const state = mkdtempSync(join(tmpdir(), "farebox-journey-"));
  const more = (process.env.FAREBOX_DEV ?? "").split(" ").filter(Boolean);
  const given = ["dev", "--json", "--fresh", "--port", "0", "--state", state, "--runtime", RUNTIME, ...more];
  const started = spawn(xtask, given, { stdio: ["ignore", "pipe", "inherit"] });
  for await (const line of createInterface({ input: started.stdout })) {
    if (line.startsWith("{")) return { ready: JSON.parse(line) as Ready, process: started };
  }
  throw new Error("the gateway did not start");
}

/** Waits for what comes by itself, such as a settlement: as long as a test may take. */
async function eventually(what: string, done: () => Promise<boolean>): Promise<void> {
  const end = Date.now() + 60_000;
  while (!(await done())) {
    assert.ok(Date.now() < end, `${what} did not come`);
    await new Promise((resolve) => setTimeout(resolve, 250));
  }
}

test(`on ${RUNTIME}: sign up, call, run out, pay, go on`, async () => {
  const { ready, process: gateway } = await start();
  const browser = await launch();
  try {
    const { page, errors } = await open(
      browser,
      { device: "desktop", theme: "light", language: "en", isChecked: false },
      false,
    );
    const way = new Way(page, ready);
    const key = await way.signUp();
    assert.ok(way.clicks <= MOST_CLICKS, `${way.clicks} clicks`);
    for (let call = 1; call <= 3; call += 1) assert.equal(await way.call(key), 200, `call ${call}`);
    assert.equal(await way.call(key), 402, "no call more than were given");
    await way.seeWhatIsUsed();
    await way.pay(key);
    assert.equal(await eventuallyPaid(way, key), 200);
    await way.verifyOffline();
    assert.deepEqual(errors, []);
  } finally {
    await browser.close();
    gateway.kill("SIGTERM");
    await new Promise((resolve) => gateway.once("exit", resolve));
  }
});

/** An instance that was told that there is nothing asks again within a second. */
async function eventuallyPaid(way: Way, key: string): Promise<number> {
  let status = 0;
  await eventually("a paid call", async () => {
    status = await way.call(key);
    return status === 200;
  });
  return status;
}

class Way {
  readonly page: Page;
  readonly ready: Ready;
  clicks = 0;

  constructor(page: Page, ready: Ready) {
    this.page = page;
    this.ready = ready;
    mkdirSync(SHOTS, { recursive: true });
  }

  private async click(selector: string): Promise<void> {
    await this.page.locator(selector).first().click();
    this.clicks += 1;
  }

  private shot(name: string): Promise<unknown> {
    return this.page.screenshot({ path: join(SHOTS, `journey-${RUNTIME}-${name}.png`) });
  }

  /** From the storefront to a key, which is shown once. */
  async signUp(): Promise<string> {
    const { page } = this;
    await page.goto(`${this.ready.gateway}/_farebox/`);
    await page.locator(".product").first().waitFor();
    await this.shot("1-storefront");
    await this.click(".top-links .button");
    await page.locator("input[type=email]").fill("ann@example.com");
    await this.click("form .button.main");
    await page.locator(".code-input").waitFor();
    await page.locator(".code-input").fill(await this.code());
    await this.click("form .button.main");
    await page.locator(".banner.good").waitFor();
    await this.shot("2-signed-up");
    await this.click(".banner.good .button");
    await this.click(".page-actions .button.main");
    await page.locator("dialog input").fill("first");
    await this.click("dialog .button.main");
    const key = await page.locator("dialog .copyable code").first().innerText();
    await this.shot("3-key");
    await page.locator("dialog .button.main").click();
    return key;
  }

  /** The code of the last letter, as a person reads it in the mailbox. */
  private async code(): Promise<string> {
    const mailbox = await this.page.context().newPage();
    await mailbox.goto(`${this.ready.gateway}/_farebox/dev/mailbox`);
    const text = await mailbox.locator(".letter-text").first().innerText();
    await mailbox.close();
    const code = /^\d{6}$/m.exec(text)?.[0];
    assert.ok(code, text);
    return code;
  }

  async call(key: string): Promise<number> {
    return (await this.ask(key)).status;
  }

  private ask(key: string): Promise<Response> {
    return fetch(`${this.ready.gateway}/demo/hello`, { headers: { authorization: `Bearer ${key}` } });
  }

  /** The chart has the calls, and the page says that nothing is left and what to do. */
  async seeWhatIsUsed(): Promise<void> {
    const { page } = this;
    await eventually("the usage", async () => {
      await page.goto(`${this.ready.gateway}/_farebox/portal/`);
      await page.locator(".chart canvas").waitFor();
      return (await page.locator(".banner.bad .button").count()) === 1 && (await this.callsShown()) === "3";
    });
    await this.shot("4-nothing-left");
  }

  private callsShown(): Promise<string> {
    return this.page.locator(".figures .card:nth-child(3) .figure").innerText();
  }

  /** From the answer that says that nothing is left to the page where one pays, and back with the money. */
  async pay(key: string): Promise<void> {
    const { page } = this;
    const refused = await this.ask(key);
    const link = /^<([^>]+)>; rel="payment"$/.exec(refused.headers.get("link") ?? "")?.[1];
    assert.ok(link, "the answer says where to pay");
    await page.goto(`${this.ready.gateway}${link}`);
    await page.locator("dialog .button.main").click();
    await page.locator("button[value=pay]").waitFor();
    await this.shot("5-payment-service");
    await page.locator("button[value=pay]").click();
    await page.locator(".banner.good").waitFor();
    await this.shot("5-paid");
  }

  /** The statement holds without a network; one changed digit is found. */
  async verifyOffline(): Promise<void> {
    const { page } = this;
    await page.goto(`${this.ready.gateway}/_farebox/portal/statements`);
    await page.locator(".proof .button:not([disabled])").waitFor();
    const saving = page.waitForEvent("download");
    await page.locator(".statement .row-actions .button").first().click();
    const text = await (await saving).createReadStream().then(read);
    await page.context().setOffline(true);
    await page.locator(".proof .button").click();
    await page.locator(".proof .good-text").waitFor();
    await this.shot("6-verified");
    const file = (content: string) => ({
      name: "statement.json",
      mimeType: "application/json",
      buffer: Buffer.from(content),
    });
    await page.locator("input[type=file]").setInputFiles(file(text));
    await page.locator("main > .card > .verdict .good-text").waitFor();
    const at = text.lastIndexOf("20.00");
    assert.ok(at > 0, text);
    await page.locator("input[type=file]").setInputFiles(file(`${text.slice(0, at)}30.00${text.slice(at + 5)}`));
    await page.locator("main > .card > .verdict .bad-text").waitFor();
    await page.context().setOffline(false);
  }
}

async function read(stream: NodeJS.ReadableStream): Promise<string> {
  let text = "";
  for await (const piece of stream) text += String(piece);
  return text;
}
