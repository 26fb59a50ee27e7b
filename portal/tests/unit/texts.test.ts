// Both languages say the same things.

import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { preferred } from "../../src/kit/language.ts";
import { en } from "../../src/kit/texts.en.ts";
import { zh } from "../../src/kit/texts.zh.ts";

const SOURCES = join(import.meta.dirname, "../../src");

const places = (text: string) => [...text.matchAll(/\{(\w+)\}/g)].map(([, name]) => name).sort();

test("both tables have the same keys, none empty, each with the same placeholders", () => {
  assert.deepEqual(Object.keys(zh).sort(), Object.keys(en).sort());
  for (const key of Object.keys(en) as (keyof typeof en)[]) {
    assert.notEqual(en[key].trim(), "", key);
    assert.notEqual(zh[key].trim(), "", key);
    assert.deepEqual(places(zh[key]), places(en[key]), key);
  }
});

test("every text is used by a page", () => {
  const files = readdirSync(SOURCES, { recursive: true, encoding: "utf8" }).filter((name) => /\.tsx?$/.test(name));
  const pages = files
    .filter((name) => !name.includes("texts."))
    .map((name) => readFileSync(join(SOURCES, name), "utf8"));
  const all = pages.join("\n");
  // Texts of a kind, whose last word comes from a document: `t(`role.${role}`)`.
  const kinds = [...all.matchAll(/`([a-z_.]+)\$\{[^}]+\}(\w*)`/g)].map(([, before, after]) => [
    before ?? "",
    after ?? "",
  ]);
  const isOfKind = (key: string) =>
    kinds.some(([before = "", after = ""]) => key.startsWith(before) && key.endsWith(after));
  const unused = Object.keys(en).filter((key) => !all.includes(`"${key}"`) && !isOfKind(key));
  assert.deepEqual(unused, []);
});

test("a choice comes before what the browser prefers", () => {
  assert.equal(preferred(null, ["fr-FR", "zh-TW", "en"]), "zh");
  assert.equal(preferred("en", ["zh-CN"]), "en");
  assert.equal(preferred("xx", ["fr"]), "en");
});

test("each code that the gateway answers with is explained", () => {
  const rejections = readFileSync(join(SOURCES, "../../core/src/rejection/mod.rs"), "utf8");
  const codes = [...rejections.matchAll(/\("([a-z]+\.[a-z_]+)", \d{3}/g)].map(([, code]) => code);
  assert.ok(codes.length > 20);
  for (const code of codes) assert.ok(`problem.${code}` in en, code);
});
