// What is left of an account: its balance and its grants, as one sees them first, and what to do when there is nothing.

import { isSpent } from "../kit/amount.ts";
import { day, number, t } from "../kit/language.ts";
import { Link } from "../kit/path.tsx";
import type { Account, Balance, Grant } from "../kit/types.ts";
import { money, quantity } from "../kit/words.ts";
import { running } from "./grants.ts";

/** Below this part of what was bought, in percent, a grant looks low. */
const LOW = 10;

/** The account can't call, and why: the first thing that anybody should read. */
export function Standing(props: { account: Account; balance: Balance; grants: Grant[] }) {
  if (props.account.status === "suspended") {
    return (
      <div class="banner bad" role="alert">
        <div>
          <strong>{t("standing.suspended")}</strong>
          <p>{t("standing.suspended_do")}</p>
        </div>
      </div>
    );
  }
  if (running(props.grants, Date.now()).length > 0 || !isSpent(props.balance.balance)) return null;
  return (
    <div class="banner bad" role="alert">
      <div>
        <strong>{t("standing.exhausted")}</strong>
        <p>{t("standing.exhausted_do")}</p>
      </div>
      <Link to="offers" class="button main">
        {t("standing.recharge")}
      </Link>
    </div>
  );
}

/** A grant as a gauge. */
export function Gauge({ grant }: { grant: Grant }) {
  const part = grant.quantity === 0 ? 0 : Math.round((grant.remaining * 100) / grant.quantity);
  const low = part < LOW;
  return (
    <li class="gauge">
      <div class="gauge-text">
        <span class="gauge-name">{grant.package}</span>
        <span class="number">
          {t("gauge.of", { left: number(grant.remaining), all: quantity(grant.meter, grant.quantity) })}
        </span>
      </div>
      <progress class={low ? "low" : undefined} max={100} value={part} aria-label={grant.package} />
      <p class="muted">
        {grant.until ? t("gauge.until", { day: day(grant.until) }) : t("gauge.forever")}
        {low && <strong class="bad-text"> {t("gauge.low")}</strong>}
      </p>
    </li>
  );
}

/** The balance, large. */
export function Money({ balance }: { balance: Balance }) {
  return (
    <>
      <p class="figure number">{money(balance.balance, balance.currency)}</p>
      {!isSpent(balance.leased) && (
        <p class="muted">{t("overview.leased", { amount: money(balance.leased, balance.currency) })}</p>
      )}
    </>
  );
}
