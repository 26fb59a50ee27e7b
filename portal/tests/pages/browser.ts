// Chromium without a window, as it is installed on the machine, and a page of it in a size, a theme and a language.

import { existsSync } from "node:fs";
import { type Browser, chromium, type Page } from "playwright-core";

export interface Look {
  device: "phone" | "desktop";
  theme: "light" | "dark";
  language: "en" | "zh";
  /** Whether axe checks it too. */
  isChecked: boolean;
}

const SIZES = { phone: { width: 390, height: 844 }, desktop: { width: 1280, height: 900 } };

/** Where Chromium is: what `CHROMIUM` names, else where distributions put it. */
export function program(): string {
  const names = ["chromium", "chromium-browser", "google-chrome"].map((name) => `/usr/bin/${name}`);
  const found = [process.env.CHROMIUM ?? "", ...names].find((path) => path !== "" && existsSync(path));
  if (!found) throw new Error("Chromium is missing; `cargo xtask setup` installs it on Debian");
  return found;
}

export function launch(): Promise<Browser> {
  return chromium.launch({ executablePath: program(), args: ["--no-sandbox", "--disable-dev-shm-usage"] });
}

/** A page of a new profile; `errors` gathers what its console says of errors and what its scripts throw. */
export async function open(browser: Browser, look: Look, isKnown: boolean): Promise<{ page: Page; errors: string[] }> {
  const context = await browser.newContext({
    viewport: SIZES[look.device],
    colorScheme: look.theme,
    locale: look.language === "zh" ? "zh-CN" : "en-US",
    timezoneId: "UTC",
    reducedMotion: "reduce",
  });
  await context.addInitScript((known) => known && localStorage.setItem("farebox-signed-in", "1"), isKnown);
  const page = await context.newPage();
  const errors: string[] = [];
  page.on("console", (message) => message.type() === "error" && errors.push(message.text()));
  page.on("pageerror", (error) => errors.push(String(error)));
  page.on("request", (request) => {
    const url = new URL(request.url());
    if (url.hostname !== "127.0.0.1" && url.protocol.startsWith("http")) errors.push(`a third party is asked: ${url}`);
  });
  return { page, errors };
}
