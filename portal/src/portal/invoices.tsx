// Invoices: one for each payment, and for months that are over. Each opens as a page to print.

import { useState } from "preact/hooks";
import { ask, list } from "../kit/api.ts";
import { Button, Field, Table } from "../kit/controls.tsx";
import { moment, month, t } from "../kit/language.ts";
import { Loaded, useRemote } from "../kit/remote.tsx";
import type { Invoice } from "../kit/types.ts";
import { money } from "../kit/words.ts";
import { useAct } from "./change.ts";
import { Wrong } from "./change-error.tsx";
import type { PageProps } from "./portal.tsx";

/** All invoices, and one for the month that is chosen where that is over. */
export function Invoices({ account, period, invoices }: PageProps & { period: string }) {
  const at = `accounts/${account.id}/invoices`;
  const [all, again] = useRemote(() => list<Invoice>(at), [at]);
  const act = useAct();
  if (!invoices) return null;
  const mayMake = account.role === "owner" || account.role === "manager";
  const isOver = period < new Date().toISOString().slice(0, 7);
  const make = () =>
    act.run(async () => {
      await ask("POST", at, { body: { month: period } });
      again();
    });
  return (
    <section class="card">
      <h2>{t("invoices.title")}</h2>
      <Loaded of={all} again={again}>
        {(rows) => (
          <>
            {rows.length === 0 ? <p class="muted">{t("invoices.empty")}</p> : <Rows rows={rows} at={at} />}
            {mayMake && isOver && !rows.some((row) => row.month === period) && (
              <Button busy={act.busy} onClick={make}>
                {t("invoices.make", { month: month(period) })}
              </Button>
            )}
            <Wrong problem={act.problem} />
          </>
        )}
      </Loaded>
    </section>
  );
}

function Rows({ rows, at }: { rows: Invoice[]; at: string }) {
  return (
    <Table
      caption={t("invoices.title")}
      rows={rows}
      id={(row) => row.id}
      columns={[
        {
          head: t("invoices.number"),
          cell: (row) => (
            <a href={`/_farebox/v1/${at}/${row.id}/page`} target="_blank" rel="noopener">
              {row.number}
            </a>
          ),
        },
        { head: t("invoices.issued"), cell: (row) => moment(row.issued) },
        {
          head: t("invoices.of"),
          cell: (row) => (row.month ? month(row.month) : row.lines.map((line) => line.text).join(", ")),
        },
        { head: t("invoices.total"), cell: (row) => money(row.total, row.currency), number: true },
      ]}
    />
  );
}

/** Who stands on invoices that are made from now on. */
export function InvoiceTo({ account, changed, invoices }: PageProps) {
  const [text, setText] = useState((account.invoice_to ?? []).join(", "));
  const act = useAct();
  if (!invoices || !(account.role === "owner" || account.role === "manager")) return null;
  const lines = text
    .split(",")
    .map((line) => line.trim())
    .filter((line) => line !== "");
  return (
    <form
      class="card"
      onSubmit={(event) => {
        event.preventDefault();
        act.run(async () => {
          await ask("PATCH", `accounts/${account.id}`, { body: { invoice_to: lines } });
          changed();
        });
      }}
    >
      <h2>{t("invoices.to")}</h2>
      <Field label={t("invoices.to_lines")} value={text} onValue={setText} help={t("invoices.to_is")} />
      <Wrong problem={act.problem} />
      <Button type="submit" kind="main" busy={act.busy}>
        {t("action.save")}
      </Button>
    </form>
  );
}
