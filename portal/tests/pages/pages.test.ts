// Every page in every state. A picture of it is written to `shots/`, axe finds nothing serious, no console shows an error, and
// nobody but the gateway is asked.

import assert from "node:assert/strict";
import { mkdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { after, before, test } from "node:test";
import type { Browser, Page } from "playwright-core";
import { type Fixture, start } from "../fixture/serve.ts";
import { type Look, launch, open } from "./browser.ts";
import { VIEWS, type View } from "./views.ts";

const SHOTS = join(import.meta.dirname, "../../shots");
const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

/** Axe checks two of them, which have each device and each theme: what it finds does not depend on the language. */
const LOOKS: Look[] = [
  { device: "desktop", theme: "light", language: "en", isChecked: true },
  { device: "desktop", theme: "dark", language: "zh", isChecked: false },
  { device: "phone", theme: "light", language: "zh", isChecked: false },
  { device: "phone", theme: "dark", language: "en", isChecked: true },
];

let browser: Browser;

before(async () => {
  mkdirSync(SHOTS, { recursive: true });
  browser = await launch();
});

after(() => browser.close());

interface Finding {
  id: string;
  impact: string;
  nodes: { target: string[]; failureSummary: string }[];
}

/** What axe finds that is serious or worse. */
async function serious(page: Page): Promise<string[]> {
  // Run by the debugger and not as a script of the page, whose policy would refuse it.
  const client = await page.context().newCDPSession(page);
  const { result } = await client.send("Runtime.evaluate", {
    expression: `${AXE}; axe.run().then((found) => JSON.stringify(found.violations))`,
    awaitPromise: true,
  });
  const found = JSON.parse(result.value as string) as Finding[];
  return found
    .filter(({ impact }) => impact === "serious" || impact === "critical")
    .map(({ id, nodes }) => `${id}: ${nodes.map((node) => `${node.target} ${node.failureSummary}`).join("; ")}`);
}

async function look(view: View, look: Look): Promise<void> {
  const fixture: Fixture = await start();
  Object.assign(fixture, view.set);
  const { page, errors } = await open(browser, look, view.isKnown ?? fixture.signedIn);
  try {
    await page.goto(`${fixture.origin}/_farebox/${view.path}`);
    if (!fixture.silent) {
      await page.locator("main h1, .banner").first().waitFor();
      await page.waitForFunction(() => document.querySelector(".skeleton") === null);
    }
    await view.act?.(page);
    const name = `${view.name}-${look.device}-${look.theme}-${look.language}.png`;
    await page.screenshot({ path: join(SHOTS, name), fullPage: (await page.locator("dialog").count()) === 0 });
    const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
    assert.equal(wide, 0, "the page is wider than its window");
    if (look.isChecked) assert.deepEqual(await serious(page), []);
    const told = view.fails ? errors.filter((text) => !text.startsWith("Failed to load resource")) : errors;
    assert.deepEqual(told, []);
  } finally {
    await page.context().close();
    await fixture.close();
  }
}

for (const view of VIEWS) {
  for (const one of LOOKS) {
    test(`${view.name}: ${one.device}, ${one.theme}, ${one.language}`, () => look(view, one));
  }
}
