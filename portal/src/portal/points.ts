// Points of usage: which days are asked for, and sums over all of them.

import { list } from "../kit/api.ts";
import type { UsagePoint, UsageRow } from "../kit/types.ts";

/** How many days the overview shows. */
export const DAYS_SHOWN = 14;

const DAY = 86_400_000;

/** The first moments of the last `days` days, this one included, in UTC. */
export function daysBack(days: number, now: number): string[] {
  const today = Math.floor(now / DAY) * DAY;
  return Array.from({ length: days }, (_, index) => text(today - (days - 1 - index) * DAY));
}

function text(at: number): string {
  return new Date(at).toISOString().replace(".000Z", "Z");
}

/** What was used on each of the last `days` days, by product. One question a day: the API adds up, and the browser asks at once. */
export async function daily(account: string, days: number, now: number): Promise<UsagePoint[]> {
  const asked = daysBack(days, now).map(async (at) => {
    const to = text(Date.parse(at) + DAY);
    return { at, rows: await list<UsageRow>(`accounts/${account}/usage?from=${at}&to=${to}`) };
  });
  return Promise.all(asked);
}

/** The calls of a day. */
export function calls(point: UsagePoint): number {
  return point.rows.reduce((sum, row) => sum + row.calls, 0);
}

/** The sum of each product's usage, the busiest first. */
export function added(points: UsagePoint[]): UsageRow[] {
  const sums = new Map<string, UsageRow>();
  for (const row of points.flatMap(({ rows }) => rows)) {
    const sum = sums.get(row.product) ?? { product: row.product, calls: 0, ingress_bytes: 0, egress_bytes: 0 };
    sum.calls += row.calls;
    sum.ingress_bytes += row.ingress_bytes;
    sum.egress_bytes += row.egress_bytes;
    sums.set(row.product, sum);
  }
  return [...sums.values()].sort((one, other) => other.calls - one.calls);
}
