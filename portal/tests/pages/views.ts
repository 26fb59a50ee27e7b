// Every page in every state that people meet: where it is, what the account is like, and what is done before one looks.

import type { Page } from "playwright-core";
import type { Fixture } from "../fixture/serve.ts";

export interface View {
  name: string;
  path: string;
  set?: Partial<Fixture>;
  act?: (page: Page) => Promise<void>;
  /** Whether the person was signed in here before. As the server says where it is left out. */
  isKnown?: boolean;
  /** The answers that the state is about are errors, which the browser says on its console. */
  fails?: boolean;
}

/** Presses the main button of the page's head. */
const first = (page: Page) => page.locator(".page-actions .button.main").click();

const makeKey = async (page: Page) => {
  await first(page);
  await page.locator("dialog input").fill("shop");
  await page.locator("dialog .button.main").click();
  await page.locator("dialog .copyable").first().waitFor();
};

const openBuy = async (page: Page) => {
  await page.locator(".ticket .button.main").first().click();
  await page.locator("dialog").waitFor();
};

export const VIEWS: View[] = [
  { name: "storefront", path: "" },
  { name: "storefront-nothing-found", path: "", act: (page) => page.locator("input[type=search]").fill("zzz") },
  {
    name: "product",
    path: "products/weather",
    act: async (page) => {
      await page.locator(".prose").waitFor();
      await page.locator(".calculator-best").waitFor();
    },
  },
  {
    name: "product-signed",
    path: "products/weather",
    act: async (page) => {
      await page.locator(".calling .tabs button", { hasText: "x-ca" }).click();
      await page.locator(".calling .tabs button", { hasText: "Python" }).click();
    },
  },
  {
    name: "product-reference",
    path: "products/weather#reference",
    act: async (page) => {
      await page.locator(".operation summary").first().click();
      await page.locator(".try").first().waitFor();
    },
  },
  { name: "problems", path: "problems/quota.exhausted" },
  { name: "product-unknown", path: "products/none", fails: true },
  { name: "sign-in", path: "portal/", set: { signedIn: false } },
  {
    name: "sign-in-code",
    path: "portal/",
    set: { signedIn: false },
    fails: true,
    act: async (page) => {
      await page.locator("input[type=email]").fill("ada@lovelace.example");
      await page.locator("form .button.main").click();
      await page.locator(".code-input").fill("000000");
      await page.locator("form .button.main").click();
      await page.locator(".banner.bad").waitFor();
    },
  },
  {
    name: "sign-in-refused",
    path: "portal/?refused=oidc.unproven",
    set: { signedIn: false },
    act: (page) => page.locator(".banner.bad").waitFor(),
  },
  { name: "entered", path: "portal/?entered", isKnown: false },
  { name: "session-over", path: "portal/keys", set: { signedIn: false }, isKnown: true, fails: true },
  { name: "overview", path: "portal/" },
  { name: "notices", path: "portal/notices" },
  { name: "notices-empty", path: "portal/notices", set: { state: "empty" } },
  { name: "overview-empty", path: "portal/", set: { state: "empty" } },
  { name: "overview-exhausted", path: "portal/", set: { state: "exhausted" } },
  { name: "overview-suspended", path: "portal/", set: { state: "suspended" } },
  { name: "overview-loading", path: "portal/", set: { silent: true } },
  { name: "overview-error", path: "portal/", set: { broken: true }, fails: true },
  { name: "usage", path: "portal/usage" },
  {
    name: "usage-of-a-key",
    path: "portal/usage",
    act: async (page) => {
      await page.locator("header select").last().selectOption("week");
      await page.locator(".filters select").last().selectOption({ index: 1 });
      await page.locator(".chart-table summary").click();
      await page.waitForFunction(() => document.querySelector(".skeleton") === null);
    },
  },
  { name: "usage-empty", path: "portal/usage", set: { state: "empty" } },
  { name: "keys", path: "portal/keys" },
  { name: "keys-empty", path: "portal/keys", set: { state: "empty" } },
  { name: "keys-made", path: "portal/keys", act: makeKey },
  { name: "offers", path: "portal/offers" },
  { name: "offers-empty", path: "portal/offers", set: { state: "empty" } },
  { name: "offers-buy", path: "portal/offers", act: openBuy },
  {
    name: "offers-changed",
    path: "portal/offers",
    set: { changed: true },
    fails: true,
    act: async (page) => {
      await openBuy(page);
      await page.locator("dialog .button.main").click();
      await page.locator("dialog .banner.bad").waitFor();
    },
  },
  {
    name: "offers-recharge",
    path: "portal/offers",
    act: async (page) => {
      await page.locator(".card.split .button").click();
      await page.locator("dialog .button.main").click();
      await page.locator("dialog .figure").waitFor();
    },
  },
  {
    name: "statements",
    path: "portal/statements",
    act: async (page) => {
      await page.locator(".proof .button:not([disabled])").click();
      await page.locator(".verdict .good-text").waitFor();
    },
  },
  { name: "statements-empty", path: "portal/statements", set: { state: "empty" } },
  { name: "members", path: "portal/members" },
  { name: "members-invite", path: "portal/members", act: first },
  { name: "settings", path: "portal/settings" },
];
