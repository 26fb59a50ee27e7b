// Which language the pages speak, and their texts.
//
// Invariant: both tables have the same keys and the same placeholders; the type holds the first, a test the second.
// English comes with the page, Chinese when it is wanted.

import { type Signal, signal } from "./signal.ts";
import { en, type Texts } from "./texts.en.ts";

export type Language = "en" | "zh";

export const LANGUAGES: { value: Language; text: string }[] = [
  { value: "en", text: "English" },
  { value: "zh", text: "中文" },
];

const KEPT_AS = "farebox-language";

export const language: Signal<Language> = signal<Language>("en");

let table: Texts = en;

/** What the person chose before, else what the browser prefers. */
export function preferred(kept: string | null, wanted: readonly string[]): Language {
  if (kept === "en" || kept === "zh") return kept;
  const first = wanted.map((tag) => tag.slice(0, 2).toLowerCase()).find((tag) => tag === "zh" || tag === "en");
  return first === "zh" ? "zh" : "en";
}

/** Speaks the preferred language; to be awaited before anything is drawn. */
export function begin(): Promise<void> {
  return speak(preferred(localStorage.getItem(KEPT_AS), navigator.languages));
}

/** Changes the language, and keeps the choice. */
export async function choose(next: Language): Promise<void> {
  localStorage.setItem(KEPT_AS, next);
  await speak(next);
}

async function speak(next: Language): Promise<void> {
  table = next === "zh" ? (await import("./texts.zh.ts")).zh : en;
  document.documentElement.lang = next === "zh" ? "zh-CN" : "en";
  language.set(next);
}

/** The text under `key`, with each `{name}` filled in. */
export function t(key: keyof Texts, values: Record<string, string | number> = {}): string {
  return table[key].replace(/\{(\w+)\}/g, (whole, name: string) => String(values[name] ?? whole));
}

/** As numbers are written here. */
export function number(value: number): string {
  return new Intl.NumberFormat(language.get()).format(value);
}

/** A moment, in the person's own time zone. */
export function moment(time: string): string {
  const options = { dateStyle: "medium", timeStyle: "short" } as const;
  return new Intl.DateTimeFormat(language.get(), options).format(new Date(time));
}

/** A day. */
export function day(time: string): string {
  return new Intl.DateTimeFormat(language.get(), { dateStyle: "medium" }).format(new Date(time));
}

/** A day of UTC. */
export function utcDay(time: string): string {
  return new Intl.DateTimeFormat(language.get(), { dateStyle: "medium", timeZone: "UTC" }).format(new Date(time));
}

/** A month such as `2026-11`. */
export function month(period: string): string {
  const options = { year: "numeric", month: "long", timeZone: "UTC" } as const;
  return new Intl.DateTimeFormat(language.get(), options).format(new Date(`${period}-01T00:00:00Z`));
}
