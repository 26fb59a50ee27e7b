// Points of usage: which hours or days are asked for, and sums over them.

import { list } from "../kit/api.ts";
import type { SeriesPoint, Time, UsageSeries } from "../kit/types.ts";

/** How many days the overview shows. */
export const DAYS_SHOWN = 14;

const HOUR = 3_600_000;

export type Every = "hour" | "day";

/** A stretch of time up to now, by hours or days. Days are those of UTC. */
export interface Stretch {
  every: Every;
  count: number;
}

/** What only is shown; where a text is empty, all of it. */
export interface Only {
  product: string;
  route: string;
  credential: string;
}

export type By = "total" | "product" | "route" | "credential";

export const ALL: Only = { product: "", route: "", credential: "" };

/** How long an hour or a day is, in milliseconds. */
export function length(every: Every): number {
  return every === "hour" ? HOUR : 24 * HOUR;
}

/** The first moments of the last hours or days, this one included. */
export function moments({ every, count }: Stretch, now: number): Time[] {
  const last = Math.floor(now / length(every));
  return Array.from({ length: count }, (_, index) => text((last - (count - 1 - index)) * length(every)));
}

function text(at: number): Time {
  return new Date(at).toISOString().replace(".000Z", "Z");
}

/** Asks for usage by time, told apart as wanted. */
export function series(account: string, stretch: Stretch, by: By, only: Only, now: number): Promise<UsageSeries[]> {
  const query = new URLSearchParams({ every: stretch.every, by, limit: "100" });
  const [from] = moments(stretch, now);
  if (from) query.set("from", from);
  for (const [name, value] of Object.entries(only)) if (value !== "") query.set(name, value);
  return list<UsageSeries>(`accounts/${account}/usage/series?${query}`);
}

/** What was used in each hour or day of a stretch; also where nothing was. */
export async function total(account: string, stretch: Stretch, only: Only, now: number): Promise<SeriesPoint[]> {
  const [all] = await series(account, stretch, "total", only, now);
  const known = new Map((all?.points ?? []).map((point) => [point.at, point]));
  return moments(stretch, now).map((at) => known.get(at) ?? nothing(at));
}

export function nothing(at: Time): SeriesPoint {
  const statuses = { "2xx": 0, "3xx": 0, "4xx": 0, "5xx": 0 };
  return { at, calls: 0, ingress_bytes: 0, egress_bytes: 0, units: 0, uncharged: 0, statuses };
}

/** All calls, charged or not. */
export function calls(point: SeriesPoint): number {
  return point.calls + point.uncharged;
}

/** The sum of some points. */
export function added(points: SeriesPoint[]): SeriesPoint {
  const sum = nothing(points[0]?.at ?? "");
  for (const point of points) {
    for (const name of ["calls", "ingress_bytes", "egress_bytes", "units", "uncharged"] as const) {
      sum[name] += point[name];
    }
    for (const name of ["2xx", "3xx", "4xx", "5xx"] as const) sum.statuses[name] += point.statuses[name];
  }
  return sum;
}
