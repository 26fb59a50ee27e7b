// Offers: what this account may buy now, what it has subscribed to, and how it gets money in.
//
// Invariant: what is bought is what was shown. Offers are read again before one is paid, and what has another price by then
// is shown anew.

import { useRef, useState } from "preact/hooks";
import { micros } from "../kit/amount.ts";
import { ask, decision, get, list, Problem } from "../kit/api.ts";
import { Button, Dialog } from "../kit/controls.tsx";
import { t } from "../kit/language.ts";
import { Ticket } from "../kit/offer-card.tsx";
import { Empty, Loaded, useRemote } from "../kit/remote.tsx";
import type { Balance, Grant, Offer, Order, RechargeRequest, Subscription } from "../kit/types.ts";
import { every, money } from "../kit/words.ts";
import { useAct } from "./change.ts";
import { Wrong } from "./change-error.tsx";
import { BackFromPaying, checkOut, Orders } from "./checkout.tsx";
import { Head } from "./frame.tsx";
import type { PageProps } from "./portal.tsx";
import { Recharge, Requests } from "./recharge.tsx";
import { Money, Standing } from "./remaining.tsx";
import { Subscriptions } from "./subscriptions.tsx";

interface Seen {
  offers: Offer[];
  subscriptions: Subscription[];
  balance: Balance;
  grants: Grant[];
  requests: RechargeRequest[];
  orders: Order[];
}

export function Offers({ account, currency, pays }: PageProps) {
  const at = `accounts/${account.id}`;
  const [seen, again] = useRemote(() => look(at), [at]);
  const [wanted, setWanted] = useState<Offer | null>(null);
  // A call that the balance did not pay for leads here with this.
  const [recharging, setRecharging] = useState(() => new URLSearchParams(location.search).has("recharge"));
  const mayBuy = (account.role === "owner" || account.role === "manager") && account.status === "active";
  return (
    <>
      <Head title={t("offers.title")} lead={t("offers.lead")} />
      <BackFromPaying at={at} changed={again} />
      <Loaded of={seen} again={again}>
        {(value) => (
          <>
            <Standing account={account} balance={value.balance} grants={value.grants} />
            <section class="card split">
              <div>
                <h2>{t("overview.balance")}</h2>
                <Money balance={value.balance} />
              </div>
              {mayBuy && (
                <Button icon="plus" onClick={() => setRecharging(true)}>
                  {t("recharge.title")}
                </Button>
              )}
            </section>
            <Requests requests={value.requests} />
            <Orders orders={value.orders} />
            <Subscriptions
              at={at}
              subscriptions={value.subscriptions}
              mayChange={mayBuy}
              changed={again}
              currency={currency}
            />
            <Tickets offers={value.offers} currency={currency} mayBuy={mayBuy} want={setWanted} />
            {recharging && mayBuy && (
              <Recharge
                at={at}
                currency={currency}
                pays={pays}
                close={() => setRecharging(false)}
                done={() => {
                  setRecharging(false);
                  again();
                }}
              />
            )}
          </>
        )}
      </Loaded>
      {wanted && (
        <Buy at={at} offer={wanted} currency={currency} pays={pays} close={() => setWanted(null)} again={again} />
      )}
    </>
  );
}

async function look(at: string): Promise<Seen> {
  const [offers, subscriptions, balance, grants, requests, orders] = await Promise.all([
    list<Offer>(`${at}/offers`),
    list<Subscription>(`${at}/subscriptions`),
    get<Balance>(`${at}/balance`),
    list<Grant>(`${at}/grants`),
    list<RechargeRequest>(`${at}/recharge-requests`),
    list<Order>(`${at}/orders`),
  ]);
  return { offers, subscriptions, balance, grants, requests, orders };
}

function Tickets(props: { offers: Offer[]; currency: string; mayBuy: boolean; want: (offer: Offer) => void }) {
  if (props.offers.length === 0) return <Empty title={t("offers.empty")} />;
  return (
    <section>
      <h2>{t("offers.for_sale")}</h2>
      <ul class="tickets">
        {props.offers.map((offer) => (
          <li key={`${offer.product} ${offer.id}`}>
            <Ticket offer={offer} currency={props.currency} over={offer.product}>
              {props.mayBuy && (
                <Button kind="main" onClick={() => props.want(offer)}>
                  {t(offer.kind === "plan" ? "offers.subscribe" : "offers.buy")}
                </Button>
              )}
            </Ticket>
          </li>
        ))}
      </ul>
    </section>
  );
}

interface BuyProps {
  at: string;
  offer: Offer;
  currency: string;
  /** Whether a payment service takes the money. */
  pays: boolean;
  close: () => void;
  again: () => void;
}

function Buy(props: BuyProps) {
  const { at, offer, currency } = props;
  const act = useAct();
  const key = useRef(decision());
  const isPlan = offer.kind === "plan";
  const body = { product: offer.product, ...(isPlan ? { plan: offer.id } : { package: offer.id }) };
  const pay = async () => {
    await checkPrice(at, offer);
    await checkOut(at, body, key.current);
  };
  const buy = async () => {
    await checkPrice(at, offer);
    await ask("POST", `${at}/${isPlan ? "subscriptions" : "purchases"}`, { body, key: key.current });
    props.close();
    props.again();
  };
  const price = money(offer.price, currency);
  const changed = act.problem?.code === "offer.changed";
  return (
    <Dialog title={t("offers.buy_title", { title: offer.title })} close={props.close}>
      <p>
        {isPlan ? t("offers.subscribe_is", { price, every: every(offer.every ?? "") }) : t("offers.buy_is", { price })}
      </p>
      {changed ? (
        <p class="banner bad" role="alert">
          {t("offers.changed")}
        </p>
      ) : (
        <Wrong problem={act.problem} />
      )}
      {changed ? (
        <Button
          kind="main"
          onClick={() => {
            props.close();
            props.again();
          }}
        >
          {t("offers.look_again")}
        </Button>
      ) : (
        <Button kind="main" busy={act.busy} onClick={() => act.run(buy)}>
          {t("offers.pay", { price })}
        </Button>
      )}
      {props.pays && !changed && micros(offer.price) !== 0n && (
        <Button busy={act.busy} onClick={() => act.run(pay)}>
          {t("offers.pay_by_card")}
        </Button>
      )}
    </Dialog>
  );
}

/** Refuses to pay another price than was shown: the catalog may have changed since. */
async function checkPrice(at: string, shown: Offer): Promise<void> {
  const now = await list<Offer>(`${at}/offers`);
  const same = now.find((offer) => offer.kind === shown.kind && offer.id === shown.id);
  if (same?.price !== shown.price) throw new Problem(409, "offer.changed", "");
}
