// Paying by a payment service: the way to its page, and what became of it once the person is back.
//
// Invariant: that something was paid is what the gateway says, never what the address says that led back here.

import { useEffect, useState } from "preact/hooks";
import { ask, get } from "../kit/api.ts";
import { Table } from "../kit/controls.tsx";
import { moment, t } from "../kit/language.ts";
import type { Checkout, Order } from "../kit/types.ts";
import { money } from "../kit/words.ts";

/** How often the order is looked at, and for how long: a payment is booked some seconds after it was made. */
const AGAIN_MS = 1_000;
const TIMES = 60;

/** Leads to where it is paid. */
export async function checkOut(at: string, body: unknown, key: string): Promise<void> {
  const { url } = await ask<Checkout>("POST", `${at}/checkouts`, { body, key });
  location.assign(url);
  // The page stays busy until the other one is there.
  await new Promise(() => {});
}

/** The order that the person comes back from, if any. */
function orderBackFrom(): string | null {
  return new URLSearchParams(location.search).get("order");
}

/** What became of the order that the person comes back from. */
export function BackFromPaying(props: { at: string; changed: () => void }) {
  const [id] = useState(orderBackFrom);
  const [order, setOrder] = useState<Order | null>(null);
  useEffect(() => {
    if (id === null) return undefined;
    let [left, timer] = [TIMES, 0];
    const look = async () => {
      const seen = await get<Order>(`${props.at}/orders/${encodeURIComponent(id)}`).catch(() => null);
      if (seen) setOrder(seen);
      left -= 1;
      if (seen && (seen.status === "paid" || seen.status === "ended")) props.changed();
      else if (left > 0) timer = window.setTimeout(look, AGAIN_MS);
    };
    void look();
    return () => clearTimeout(timer);
  }, [id, props.at]);
  if (order === null) return null;
  const amount = money(order.amount, order.currency);
  const is = order.status === "paid" ? "good" : order.status === "ended" ? "bad" : "";
  return (
    <p class={`banner ${is}`} role="status">
      {t(`checkout.${order.status}`, { amount })}
    </p>
  );
}

/** What was to be paid for, and what became of it. */
export function Orders({ orders }: { orders: Order[] }) {
  if (orders.length === 0) return null;
  return (
    <section>
      <h2>{t("orders.title")}</h2>
      <Table
        caption={t("orders.title")}
        rows={orders}
        id={(row) => row.id}
        columns={[
          { head: t("orders.when"), cell: (row) => moment(row.created) },
          { head: t("orders.of"), cell: (row) => row.offer ?? t("recharge.title") },
          { head: t("recharge.how_much"), cell: (row) => money(row.amount, row.currency), number: true },
          { head: t("recharge.state"), cell: (row) => t(`orders.${row.status}`) },
        ]}
      />
    </section>
  );
}
