// What a product costs: pay as you go in a table, packages and plans as tickets.

import { micros } from "../kit/amount.ts";
import { Table } from "../kit/controls.tsx";
import { number, t } from "../kit/language.ts";
import { Ticket } from "../kit/offer-card.tsx";
import type { Meter, Offer, Price, Product, Rate } from "../kit/types.ts";
import { block, money } from "../kit/words.ts";

interface Row {
  id: string;
  meter: string;
  range: string;
  price: string;
}

export function Prices({ product, currency }: { product: Product; currency: string }) {
  const { rate, packages, plans } = product;
  return (
    <div class="prices">
      {rate && <RateTable rate={rate} currency={currency} />}
      {packages.length > 0 && (
        <div>
          <h3>{t("prices.packages")}</h3>
          <p class="muted">{t("prices.packages_are")}</p>
          <Tickets offers={packages} currency={currency} />
        </div>
      )}
      {plans.length > 0 && (
        <div>
          <h3>{t("prices.plans")}</h3>
          <p class="muted">{t("prices.plans_are")}</p>
          <Tickets offers={plans} currency={currency} />
        </div>
      )}
    </div>
  );
}

function Tickets({ offers, currency }: { offers: Offer[]; currency: string }) {
  return (
    <ul class="tickets">
      {offers.map((offer) => (
        <li key={offer.id}>
          <Ticket offer={offer} currency={currency} />
        </li>
      ))}
    </ul>
  );
}

function RateTable({ rate, currency }: { rate: Rate; currency: string }) {
  const prices = Object.entries(rate.prices) as [Meter, Price][];
  return (
    <div>
      <h3>{t("prices.rate")}</h3>
      <p class="muted">{t("prices.rate_is")}</p>
      <Table
        caption={t("prices.rate")}
        rows={prices.flatMap(([meter, price]) => rows(meter, price, currency))}
        id={(row) => row.id}
        columns={[
          { head: t("prices.meter"), cell: (row) => row.meter },
          { head: t("prices.range"), cell: (row) => row.range },
          { head: t("prices.price"), cell: (row) => row.price, number: true },
        ]}
      />
      {micros(rate.minimum) !== 0n && (
        <p class="muted">{t("prices.minimum", { price: money(rate.minimum, currency) })}</p>
      )}
    </div>
  );
}

function rows(meter: Meter, price: Price, currency: string): Row[] {
  let from = 0;
  return price.tiers.map((tier, index) => {
    const row = {
      id: `${meter}-${index}`,
      meter: t(`meter.${meter}`),
      range: range(from, tier.up_to, price.mode),
      price: t("prices.per", { price: money(tier.per_block, currency), block: block(meter) }),
    };
    from = tier.up_to ?? from;
    return row;
  });
}

function range(from: number, upTo: number | null, mode: Price["mode"]): string {
  if (from === 0 && upTo === null) return t("prices.all");
  const volume = mode === "volume";
  if (upTo === null) return t(volume ? "prices.over_all" : "prices.over", { n: number(from) });
  return t(volume ? "prices.up_to_all" : "prices.up_to", { from: number(from + 1), n: number(upTo) });
}
