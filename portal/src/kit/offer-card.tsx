// An offer as a ticket, on the storefront and in the portal.

import type { ComponentChildren } from "preact";
import { t } from "./language.ts";
import type { Offer } from "./types.ts";
import { every, length, money, quantities } from "./words.ts";

interface Props {
  offer: Offer;
  currency: string;
  /** What stands above its title. */
  over?: string;
  /** What one can do with it. */
  children?: ComponentChildren;
}

export function Ticket({ offer, currency, over, children }: Props) {
  const isPlan = offer.kind === "plan";
  return (
    <div class="ticket">
      {over && <p class="ticket-product">{over}</p>}
      <h3>{offer.title}</h3>
      <ul>
        {quantities(offer.quantities).map((text) => (
          <li key={text}>{text}</li>
        ))}
        {offer.valid_seconds !== null && <li>{t("prices.valid", { period: length(offer.valid_seconds) })}</li>}
        {offer.once && <li>{t("prices.once")}</li>}
        {isPlan && <li>{t(offer.beyond_at_rate ? "prices.beyond_rate" : "prices.beyond_refuse")}</li>}
      </ul>
      <p class="ticket-price">
        {money(offer.price, currency)}
        {offer.every && <span>{every(offer.every)}</span>}
      </p>
      {children}
    </div>
  );
}
