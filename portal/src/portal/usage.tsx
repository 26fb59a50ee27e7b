// Usage: by the hour or by the day, with how calls were answered; in all, of an API, of a route, or of a key.

import { useState } from "preact/hooks";
import { list } from "../kit/api.ts";
import { Choice, Table } from "../kit/controls.tsx";
import { number, t } from "../kit/language.ts";
import { Link } from "../kit/path.tsx";
import { Empty, Loaded, useRemote } from "../kit/remote.tsx";
import type { Credential, SeriesPoint, UsageSeries } from "../kit/types.ts";
import { bytes } from "../kit/words.ts";
import { Chart } from "./chart.tsx";
import { Head } from "./frame.tsx";
import { ALL, added, calls, type Only, type Stretch, series, total } from "./points.ts";
import type { PageProps } from "./portal.tsx";

/** What can be chosen, and how it is shown: at most some hundred bars. */
const STRETCHES = {
  day: { every: "hour", count: 24 },
  week: { every: "hour", count: 7 * 24 },
  month: { every: "day", count: 30 },
  quarter: { every: "day", count: 90 },
  year: { every: "day", count: 365 },
} as const satisfies Record<string, Stretch>;

type Named = keyof typeof STRETCHES;

/** What was used in a stretch of time, told apart: what can be chosen, and what the tables show. */
interface Parts {
  routes: UsageSeries[];
  keys: UsageSeries[];
  names: Map<string, string>;
}

export function Usage({ account }: PageProps) {
  const [named, setNamed] = useState<Named>("month");
  const [only, setOnly] = useState<Only>(ALL);
  const stretch = STRETCHES[named];
  const [points, again] = useRemote(
    () => total(account.id, stretch, only, Date.now()),
    [account.id, named, only.product, only.route, only.credential],
  );
  const [parts, partsAgain] = useRemote(() => look(account.id, stretch), [account.id, named]);
  return (
    <>
      <Head title={t("usage.title")} lead={t("usage.lead")}>
        <Choice
          label={t("usage.stretch")}
          hidden
          value={named}
          onValue={setNamed}
          options={(Object.keys(STRETCHES) as Named[]).map((value) => ({ value, text: t(`usage.last_${value}`) }))}
        />
      </Head>
      <Loaded of={parts} again={partsAgain}>
        {(value) =>
          value.routes.length === 0 ? (
            <Empty title={t("usage.empty")}>
              <p>{t("usage.empty_do")}</p>
              <Link to="keys">{t("nav.keys")}</Link>
            </Empty>
          ) : (
            <>
              <section class="card">
                <h2>{t("usage.calls")}</h2>
                <Filters parts={value} only={only} setOnly={setOnly} />
                <Loaded of={points} again={again}>
                  {(shown) => (
                    <>
                      <Sums sum={added(shown)} />
                      <Chart points={shown} every={stretch.every} caption={t("usage.calls")} />
                    </>
                  )}
                </Loaded>
              </section>
              <section class="card">
                <h2>{t("usage.by_route")}</h2>
                <Apart
                  caption={t("usage.by_route")}
                  rows={value.routes}
                  heads={[
                    { head: t("usage.product"), cell: (row) => row.product ?? t("usage.rest") },
                    { head: t("usage.route"), cell: (row) => row.route || "–" },
                  ]}
                />
              </section>
              <section class="card">
                <h2>{t("usage.by_key")}</h2>
                <Apart
                  caption={t("usage.by_key")}
                  rows={value.keys}
                  heads={[{ head: t("usage.key"), cell: (row) => nameOf(row, value.names) }]}
                />
              </section>
            </>
          )
        }
      </Loaded>
    </>
  );
}

async function look(account: string, stretch: Stretch): Promise<Parts> {
  const now = Date.now();
  // By the day also where the chart is by the hour: only sums are shown of it.
  const days: Stretch = stretch.every === "hour" ? { every: "day", count: Math.ceil(stretch.count / 24) + 1 } : stretch;
  const [routes, keys, credentials] = await Promise.all([
    series(account, days, "route", ALL, now),
    series(account, days, "credential", ALL, now),
    list<Credential>(`accounts/${account}/credentials`),
  ]);
  const names = new Map(
    credentials.map(({ key, name, last_four }) => [key, name ?? (last_four ? `…${last_four}` : key)]),
  );
  return { routes, keys, names };
}

function nameOf(row: UsageSeries, names: Map<string, string>): string {
  return row.credential === undefined ? t("usage.rest") : (names.get(row.credential) ?? row.credential);
}

function Filters(props: { parts: Parts; only: Only; setOnly: (only: Only) => void }) {
  const { parts, only, setOnly } = props;
  const products = distinct(parts.routes.map((row) => row.product));
  const ofProduct = parts.routes.filter((row) => only.product === "" || row.product === only.product);
  const routes = distinct(ofProduct.map((row) => row.route));
  const keys = distinct(parts.keys.map((row) => row.credential));
  const options = (all: string, values: string[], text = (value: string) => value) => [
    { value: "", text: all },
    ...values.map((value) => ({ value, text: text(value) })),
  ];
  return (
    <div class="filters">
      <Choice
        label={t("usage.product")}
        value={only.product}
        onValue={(product) => setOnly({ ...only, product, route: "" })}
        options={options(t("usage.all_products"), products)}
      />
      <Choice
        label={t("usage.route")}
        value={only.route}
        onValue={(route) => setOnly({ ...only, route })}
        options={options(t("usage.all_routes"), routes)}
      />
      <Choice
        label={t("usage.key")}
        value={only.credential}
        onValue={(credential) => setOnly({ ...only, credential })}
        options={options(t("usage.all_keys"), keys, (key) => parts.names.get(key) ?? key)}
      />
    </div>
  );
}

function distinct(texts: (string | undefined)[]): string[] {
  return [...new Set(texts.filter((text): text is string => text !== undefined && text !== ""))];
}

function Sums({ sum }: { sum: SeriesPoint }) {
  const shown: [string, string][] = [
    [t("usage.calls"), number(calls(sum))],
    [t("usage.uncharged"), number(sum.uncharged)],
    [t("usage.in"), bytes(sum.ingress_bytes)],
    [t("usage.out"), bytes(sum.egress_bytes)],
  ];
  if (sum.units > 0) shown.push([t("usage.units"), number(sum.units)]);
  return (
    <dl class="sums">
      {shown.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd class="number">{value}</dd>
        </div>
      ))}
    </dl>
  );
}

interface ApartProps {
  caption: string;
  rows: UsageSeries[];
  heads: { head: string; cell: (row: UsageSeries) => string }[];
}

/** The sum of each series, the busiest first. */
function Apart({ caption, rows, heads }: ApartProps) {
  const summed = rows.map((row) => ({ row, sum: added(row.points) }));
  summed.sort((one, other) => calls(other.sum) - calls(one.sum));
  const count = (head: string, of: (sum: SeriesPoint) => number) => ({
    head,
    cell: ({ sum }: (typeof summed)[number]) => number(of(sum)),
    number: true,
  });
  return (
    <Table
      caption={caption}
      rows={summed}
      id={({ row }) => `${row.product} ${row.route} ${row.credential}`}
      columns={[
        ...heads.map(({ head, cell }) => ({ head, cell: ({ row }: (typeof summed)[number]) => cell(row) })),
        count(t("usage.calls"), calls),
        count(t("chart.4xx"), (sum) => sum.statuses["4xx"]),
        count(t("chart.5xx"), (sum) => sum.statuses["5xx"]),
        count(t("usage.uncharged"), (sum) => sum.uncharged),
        { head: t("usage.in"), cell: ({ sum }) => bytes(sum.ingress_bytes), number: true },
        { head: t("usage.out"), cell: ({ sum }) => bytes(sum.egress_bytes), number: true },
      ]}
    />
  );
}
