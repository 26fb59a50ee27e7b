// A notice in words, and what a limit has left.
//
// Invariants: a type that these pages do not know is shown by its name; what is left is never below nothing, and what is not limited
// has nothing that could be left.

import { decimal, micros } from "../kit/amount.ts";
import { day, number, t } from "../kit/language.ts";
import type { Amounts, Limit, Notice } from "../kit/types.ts";
import { money, quantity } from "../kit/words.ts";

/** What stands in a notice's data as money, and as a moment. */
const MONEY = ["amount", "balance", "price", "needed", "forfeited"];
const MOMENTS = ["until", "from", "tried_until", "renews"];

const TYPES = [
  "account.activated",
  "account.recharged",
  "account.suspended",
  "balance.exhausted",
  "balance.low",
  "limit.reached",
  "package.bought",
  "package.expired",
  "quota.exhausted",
  "quota.low",
  "statement.closed",
  "subscription.begun",
  "subscription.ended",
  "subscription.renewal_failed",
  "subscription.renewed",
] as const;

/** A notice in the person's language. */
export function told({ type, data }: Notice, currency: string): string {
  const known = TYPES.find((one) => one === type);
  if (!known) return t("notice.other", { type });
  const values = Object.fromEntries(Object.entries(data).map(([name, value]) => [name, shown(name, value, currency)]));
  return t(`notice.${known}`, values);
}

function shown(name: string, value: unknown, currency: string): string {
  if (name === "per" && (value === "day" || value === "week" || value === "month")) return t(`per.${value}`);
  if (typeof value === "number") return number(value);
  if (typeof value !== "string") return "";
  if (MONEY.includes(name) || name === "limit") return money(value, currency);
  return MOMENTS.includes(name) ? day(value) : value;
}

/** What a credential may still spend. */
export function left({ limit, spent }: Limit): Amounts {
  const rest = (may: number | null, was: number | null) => (may === null ? null : Math.max(may - (was ?? 0), 0));
  const all = micros(limit.money ?? "");
  const rested = all === null ? null : all - (micros(spent.money ?? "0") ?? 0n);
  return {
    calls: rest(limit.calls, spent.calls),
    units: rest(limit.units, spent.units),
    money: rested === null ? null : decimal(rested > 0n ? rested : 0n),
  };
}

/** Amounts in words; what is not limited is left out. */
export function amounts(of: Amounts, currency: string): string {
  const parts = [
    of.calls === null ? "" : quantity("calls", of.calls),
    of.units === null ? "" : quantity("units", of.units),
    of.money === null ? "" : money(of.money, currency),
  ];
  return parts.filter(Boolean).join(" · ");
}
