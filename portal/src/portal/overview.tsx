// The overview: what is left, what this month costs, and how it was used lately.

import { get, list } from "../kit/api.ts";
import { number, t } from "../kit/language.ts";
import { Link } from "../kit/path.tsx";
import { Empty, Loaded, useRemote } from "../kit/remote.tsx";
import type { Balance, Credential, Grant, SeriesPoint, Statement } from "../kit/types.ts";
import { money } from "../kit/words.ts";
import { Chart } from "./chart.tsx";
import { Head } from "./frame.tsx";
import { running } from "./grants.ts";
import { ALL, calls, DAYS_SHOWN, type Stretch, total } from "./points.ts";
import type { PageProps } from "./portal.tsx";
import { Gauge, Money, Standing } from "./remaining.tsx";
import { spentIn } from "./spending.ts";

const SHOWN: Stretch = { every: "day", count: DAYS_SHOWN };

interface Seen {
  balance: Balance;
  grants: Grant[];
  points: SeriesPoint[];
  keys: Credential[];
  spent: string | null;
}

export function Overview({ account }: PageProps) {
  const [seen, again] = useRemote(() => look(account.id), [account.id]);
  return (
    <>
      <Head title={t("overview.title", { name: account.name })} />
      <Loaded of={seen} again={again}>
        {({ balance, grants, points, keys, spent }) => {
          const running_ = running(grants, Date.now());
          const isNew = keys.length === 0;
          return (
            <>
              {isNew && account.status === "active" ? (
                <FirstSteps />
              ) : (
                <Standing account={account} balance={balance} grants={grants} />
              )}
              <div class="figures">
                <section class="card">
                  <h2>{t("overview.balance")}</h2>
                  <Money balance={balance} />
                  <Link to="offers">{t("overview.recharge")}</Link>
                </section>
                <section class="card">
                  <h2>{t("overview.spent")}</h2>
                  <p class="figure number">{spent === null ? "–" : money(spent, balance.currency)}</p>
                  <Link to="statements">{t("overview.to_statements")}</Link>
                </section>
                <section class="card">
                  <h2>{t("overview.calls")}</h2>
                  <p class="figure number">{number(points.reduce((sum, point) => sum + calls(point), 0))}</p>
                  <p class="muted">{t("overview.calls_of", { n: DAYS_SHOWN })}</p>
                </section>
              </div>
              <section class="card">
                <h2>{t("overview.left")}</h2>
                {running_.length === 0 ? (
                  <Empty title={t("overview.no_grants")}>
                    <Link to="offers">{t("overview.to_offers")}</Link>
                  </Empty>
                ) : (
                  <ul class="gauges">
                    {running_.map((grant) => (
                      <Gauge key={`${grant.id} ${grant.meter}`} grant={grant} />
                    ))}
                  </ul>
                )}
              </section>
              <section class="card">
                <h2>{t("overview.chart")}</h2>
                <Chart points={points} every={SHOWN.every} caption={t("overview.chart")} />
              </section>
            </>
          );
        }}
      </Loaded>
    </>
  );
}

function FirstSteps() {
  return (
    <div class="banner good" role="status">
      <div>
        <strong>{t("first.title")}</strong>
        <p>{t("first.do")}</p>
      </div>
      <Link to="keys" class="button main">
        {t("first.key")}
      </Link>
    </div>
  );
}

async function look(id: string): Promise<Seen> {
  const at = `accounts/${id}`;
  const [balance, grants, points, keys, statement] = await Promise.all([
    get<Balance>(`${at}/balance`),
    list<Grant>(`${at}/grants`),
    total(id, SHOWN, ALL, Date.now()),
    list<Credential>(`${at}/credentials`),
    thisMonth(at),
  ]);
  return { balance, grants, points, keys, spent: statement && spentIn(statement, balance.balance) };
}

/** The running month's statement; an account in which nothing was booked has none. */
function thisMonth(at: string): Promise<Statement | null> {
  const month = new Date().toISOString().slice(0, 7);
  return get<Statement>(`${at}/statements/${month}`).catch(() => null);
}
