// Usage: by day and by product, in calls and bytes.

import { useState } from "preact/hooks";
import { Choice, Table } from "../kit/controls.tsx";
import { number, t } from "../kit/language.ts";
import { Link } from "../kit/path.tsx";
import { Empty, Loaded, useRemote } from "../kit/remote.tsx";
import type { UsagePoint } from "../kit/types.ts";
import { bytes } from "../kit/words.ts";
import { Chart } from "./chart.tsx";
import { Head } from "./frame.tsx";
import { added, calls, daily } from "./points.ts";
import type { PageProps } from "./portal.tsx";

type Days = "7" | "14" | "30";

export function Usage({ account }: PageProps) {
  const [days, setDays] = useState<Days>("14");
  const [points, again] = useRemote(() => daily(account.id, Number(days), Date.now()), [account.id, days]);
  return (
    <>
      <Head title={t("usage.title")} lead={t("usage.lead")}>
        <Choice
          label={t("usage.days")}
          hidden
          value={days}
          onValue={setDays}
          options={(["7", "14", "30"] as const).map((value) => ({ value, text: t("usage.last", { n: value }) }))}
        />
      </Head>
      <Loaded of={points} again={again}>
        {(value) =>
          value.every((point) => calls(point) === 0) ? (
            <Empty title={t("usage.empty")}>
              <p>{t("usage.empty_do")}</p>
              <Link to="keys">{t("nav.keys")}</Link>
            </Empty>
          ) : (
            <>
              <section class="card">
                <h2>{t("usage.calls")}</h2>
                <Chart points={value} caption={t("usage.calls")} />
              </section>
              <section class="card">
                <h2>{t("usage.sums")}</h2>
                <Sums points={value} />
              </section>
            </>
          )
        }
      </Loaded>
    </>
  );
}

function Sums({ points }: { points: UsagePoint[] }) {
  return (
    <Table
      caption={t("usage.sums")}
      rows={added(points)}
      id={(row) => row.product}
      columns={[
        { head: t("usage.product"), cell: (row) => row.product },
        { head: t("usage.calls"), cell: (row) => number(row.calls), number: true },
        { head: t("usage.in"), cell: (row) => bytes(row.ingress_bytes), number: true },
        { head: t("usage.out"), cell: (row) => bytes(row.egress_bytes), number: true },
      ]}
    />
  );
}
