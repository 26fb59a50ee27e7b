// "50,000 calls a month cost …": asked of the server, whose `core` charges the calls too, so that both say the same.

import { useEffect, useState } from "preact/hooks";
import { whole } from "../kit/amount.ts";
import { ask } from "../kit/api.ts";
import { Field } from "../kit/controls.tsx";
import { number, t } from "../kit/language.ts";
import { advice, asProblem } from "../kit/remote.tsx";
import type { Product, Quote } from "../kit/types.ts";
import { money } from "../kit/words.ts";

/** How long it waits for the next digit before it asks, in milliseconds. */
const PATIENCE = 250;

export function Calculator({ product }: { product: Product }) {
  const [calls, setCalls] = useState("50000");
  const [gibibytes, setGibibytes] = useState("0");
  const [quote, setQuote] = useState<Quote | null>(null);
  const [wrong, setWrong] = useState("");
  const paysBytes = Object.keys(product.rate?.prices ?? {}).some((meter) => meter.endsWith("_bytes"));
  const wanted = whole(calls);
  const bytes = whole(gibibytes);
  useEffect(() => {
    if (wanted === null || bytes === null) return;
    let isLatest = true;
    const timer = setTimeout(() => {
      const body = { calls: wanted, ...(paysBytes ? { egress_bytes: bytes * 2 ** 30 } : {}) };
      ask<Quote>("POST", `products/${encodeURIComponent(product.id)}/quote`, { body }).then(
        (answer) => {
          if (!isLatest) return;
          setQuote(answer);
          setWrong("");
        },
        (error: unknown) => isLatest && setWrong(advice(asProblem(error))),
      );
    }, PATIENCE);
    return () => {
      isLatest = false;
      clearTimeout(timer);
    };
  }, [product.id, wanted, bytes, paysBytes]);
  return (
    <div class="calculator">
      <div class="calculator-asks">
        <h3>{t("calculator.title")}</h3>
        <Field label={t("calculator.calls")} inputMode="numeric" value={calls} onValue={setCalls} />
        {paysBytes && (
          <Field label={t("calculator.bytes")} inputMode="numeric" value={gibibytes} onValue={setGibibytes} />
        )}
      </div>
      <div class="calculator-says" aria-live="polite">
        {(wanted === null || bytes === null) && <p>{t("calculator.whole")}</p>}
        {wrong && <p class="bad-text">{wrong}</p>}
        {quote && wanted !== null && <Answer quote={quote} calls={wanted} product={product} />}
      </div>
    </div>
  );
}

function Answer({ quote, calls, product }: { quote: Quote; calls: number; product: Product }) {
  if (quote.lines.length === 0) return <p>{t("calculator.none")}</p>;
  const best = quote.cheapest === null ? undefined : quote.lines[quote.cheapest];
  return (
    <>
      {best && (
        <p class="calculator-best">
          {t("calculator.cost", { n: number(calls) })} <strong>{money(best.price, quote.currency)}</strong>
        </p>
      )}
      <ul>
        {quote.lines.map((line, index) => (
          <li key={line.offer ?? line.kind} class={index === quote.cheapest ? "best" : undefined}>
            <span>{name(line, product)}</span>
            <span class="leader" aria-hidden="true" />
            <span class="number">{money(line.price, quote.currency)}</span>
          </li>
        ))}
      </ul>
    </>
  );
}

function name(line: Quote["lines"][number], product: Product): string {
  if (line.kind === "rate") return t("prices.rate");
  const offer = [...product.packages, ...product.plans].find(({ id }) => id === line.offer);
  const title = offer?.title ?? line.offer ?? "";
  return line.count > 1 ? t("calculator.times", { n: number(line.count), title }) : title;
}
