// Money as exact decimal text: added up, compared and shown without a float.
//
// Invariant: an amount is read exactly or refused, in micro-units, as the server's `core` reads it.

const FORM = /^(-?)(\d{1,13})(?:\.(\d{1,6}))?$/;

/** Micro-units of a decimal; `null` where it is none. */
export function micros(text: string): bigint | null {
  const parts = FORM.exec(text.trim());
  if (!parts) return null;
  const [, sign, whole = "0", fraction = ""] = parts;
  const value = BigInt(whole) * 1_000_000n + BigInt(fraction.padEnd(6, "0"));
  return sign === "-" ? -value : value;
}

/** The decimal of micro-units, with as few digits as say all of it, and at least two behind the point. */
export function decimal(value: bigint): string {
  const size = value < 0n ? -value : value;
  const fraction = (size % 1_000_000n)
    .toString()
    .padStart(6, "0")
    .replace(/0{1,4}$/, "");
  return `${value < 0n ? "-" : ""}${size / 1_000_000n}.${fraction}`;
}

/** Whether an amount is nothing, or below. */
export function isSpent(amount: string): boolean {
  return (micros(amount) ?? 0n) <= 0n;
}

/** An amount in its currency, as people of a language write it: exact, and with no more digits than it has. */
export function show(amount: string, currency: string, language: string): string {
  const value = micros(amount);
  if (value === null) return `${amount} ${currency}`;
  const text = decimal(value);
  const style = { style: "currency", currency, minimumFractionDigits: digits(currency), maximumFractionDigits: 6 };
  // A numeric text is formatted exactly (ECMA-402, 2023); the type of lib does not say that any text may be one.
  return new Intl.NumberFormat(language, style as Intl.NumberFormatOptions).format(text as `${number}`);
}

function digits(currency: string): number {
  const options = new Intl.NumberFormat("en", { style: "currency", currency }).resolvedOptions();
  return options.maximumFractionDigits ?? 2;
}

/** A number without sign, fraction or more digits than a JSON number holds exactly; `null` for anything else. */
export function whole(text: string): number | null {
  const digits = text.replace(/[\s,_]/g, "");
  return /^\d{1,13}$/.test(digits) ? Number(digits) : null;
}
