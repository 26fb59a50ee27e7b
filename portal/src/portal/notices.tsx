// What the account was told, the latest first, and what of their limits its keys have left.

import { get, list } from "../kit/api.ts";
import { Table } from "../kit/controls.tsx";
import { moment, t } from "../kit/language.ts";
import { Empty, Loaded, useRemote } from "../kit/remote.tsx";
import type { Credential, Limit, Notice } from "../kit/types.ts";
import { Head } from "./frame.tsx";
import { amounts, left, told } from "./notice.ts";
import type { PageProps } from "./portal.tsx";

export function Notices({ account, currency }: PageProps) {
  const at = `accounts/${account.id}`;
  const [notices, again] = useRemote(() => list<Notice>(`${at}/notices`), [at]);
  return (
    <>
      <Head title={t("notices.title")} lead={t("notices.lead")} />
      <Loaded of={notices} again={again}>
        {(all) =>
          all.length === 0 ? (
            <Empty title={t("notices.empty")} />
          ) : (
            <Table
              caption={t("notices.title")}
              rows={[...all].reverse()}
              id={(row) => row.id}
              columns={[
                { head: t("notices.when"), cell: (row) => moment(row.at) },
                { head: t("notices.told"), cell: (row) => told(row, currency) },
              ]}
            />
          )
        }
      </Loaded>
      <Limits at={at} currency={currency} />
    </>
  );
}

function Limits({ at, currency }: { at: string; currency: string }) {
  const read = async () => {
    const [limits, keys] = await Promise.all([
      list<Limit>(`${at}/limits`),
      get<{ items: Credential[] }>(`${at}/credentials?limit=100`),
    ]);
    return { limits, names: new Map(keys.items.map((one) => [one.key, one.name ?? one.key])) };
  };
  const [limits, again] = useRemote(read, [at]);
  return (
    <section>
      <h2>{t("notices.limits")}</h2>
      <Loaded of={limits} again={again}>
        {({ limits: all, names }) =>
          all.length === 0 ? (
            <p class="muted">{t("notices.limits_empty")}</p>
          ) : (
            <Table
              caption={t("notices.limits")}
              rows={all}
              id={(row) => `${row.credential} ${row.per}`}
              columns={[
                { head: t("limits.key"), cell: (row) => names.get(row.credential) ?? row.credential },
                { head: t("limits.per"), cell: (row) => t(`per.${row.per}`) },
                { head: t("limits.may"), cell: (row) => amounts(row.limit, currency), number: true },
                { head: t("limits.left"), cell: (row) => amounts(left(row), currency), number: true },
                { head: t("limits.renews"), cell: (row) => moment(row.renews) },
              ]}
            />
          )
        }
      </Loaded>
    </section>
  );
}
