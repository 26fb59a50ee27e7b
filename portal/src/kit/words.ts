// Quantities, meters, periods and money in words: the same on every page.

import { show } from "./amount.ts";
import { language, number, t } from "./language.ts";
import type { Meter, Quantities } from "./types.ts";

const GIB = 2 ** 30;

/** An amount in its currency. */
export function money(amount: string, currency: string): string {
  return show(amount, currency, language.get());
}

/** How much of a meter, such as "10,000 calls" or "1.5 GiB in". */
export function quantity(meter: Meter, value: number): string {
  switch (meter) {
    case "calls":
      return t("quantity.calls", { n: number(value) });
    case "units":
      return t("quantity.units", { n: number(value) });
    case "ingress_bytes":
      return t("quantity.ingress", { n: bytes(value) });
    case "egress_bytes":
      return t("quantity.egress", { n: bytes(value) });
    case "total_bytes":
      return t("quantity.total", { n: bytes(value) });
  }
}

/** All of an offer's quantities. */
export function quantities(all: Quantities): string[] {
  return (Object.entries(all) as [Meter, number][]).map(([meter, value]) => quantity(meter, value));
}

/** What one price is for: 1,000 calls, or one GiB, as in `core`. */
export function block(meter: Meter): string {
  return quantity(meter, meter === "calls" || meter === "units" ? 1000 : GIB);
}

/** Bytes in the largest unit of which there is one. */
export function bytes(value: number): string {
  const units: [number, string][] = [
    [GIB * 1024, "TiB"],
    [GIB, "GiB"],
    [2 ** 20, "MiB"],
    [1024, "KiB"],
  ];
  const [size, unit] = units.find(([size]) => value >= size) ?? [1, "B"];
  return `${number(Math.round((value / size) * 10) / 10)} ${unit}`;
}

type Unit = "second" | "minute" | "hour" | "day" | "week" | "month" | "year";

/** Units of a length of time, in seconds. */
const LENGTHS: [number, Unit][] = [
  [86_400, "day"],
  [3600, "hour"],
  [60, "minute"],
  [1, "second"],
];

/** A length of time in its largest whole unit, days at the most. */
export function length(seconds: number): string {
  const [size, unit] = LENGTHS.find(([size]) => seconds % size === 0) ?? [1, "second"];
  return units(seconds / size, unit);
}

function units(count: number, unit: Unit): string {
  return new Intl.NumberFormat(language.get(), { style: "unit", unit, unitDisplay: "long" }).format(count);
}

/** A plan's period as the API writes it (`30 days`, `1 month`), in words; as it stands where it is written otherwise. */
export function period(text: string): string {
  const [, count, unit] = /^(\d+) (day|week|month|year)s?$/.exec(text) ?? [];
  return count && unit ? units(Number(count), unit as Unit) : text;
}

/** What comes again: "every month", "every 3 months". */
export function every(text: string): string {
  const spoken = period(text);
  return t("prices.every", { period: language.get() === "en" ? spoken.replace(/^1 /, "") : spoken });
}
