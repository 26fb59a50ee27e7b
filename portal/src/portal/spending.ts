// What a month has cost so far.

import { decimal, micros } from "../kit/amount.ts";
import type { Statement } from "../kit/types.ts";

/**
 * What the month has cost: what was there, and what came in, less what is there now. So it holds also for usage that is
 * charged already and not sealed yet.
 */
export function spentIn(statement: Pick<Statement, "opening" | "entries">, balance: string): string {
  const income = ["recharged", "refunded", "adjusted"];
  const cameIn = statement.entries.filter(({ entry: { event } }) => income.some((name) => isNamed(event, name)));
  const total = cameIn.reduce((sum, { amount }) => sum + (micros(amount) ?? 0n), micros(statement.opening) ?? 0n);
  return decimal(total - (micros(balance) ?? 0n));
}

function isNamed(event: unknown, name: string): boolean {
  return typeof event === "object" && event !== null && name in event;
}
