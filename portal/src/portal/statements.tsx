// Statements, and the proof of one: checked in this browser by the same code that wrote it, without the server.

import { useEffect, useState } from "preact/hooks";
import { askText, list } from "../kit/api.ts";
import { Button, Choice, Table } from "../kit/controls.tsx";
import { moment, month, number, t } from "../kit/language.ts";
import { Empty, Loaded, useRemote } from "../kit/remote.tsx";
import type { Statement, StatementMonth } from "../kit/types.ts";
import { bytes, money } from "../kit/words.ts";
import { isEvent } from "./events.ts";
import { Head } from "./frame.tsx";
import { Invoices } from "./invoices.tsx";
import type { PageProps } from "./portal.tsx";
import { load, type Verdict, type Verifier } from "./verifier.ts";

export function Statements(props: PageProps) {
  const { account } = props;
  const at = `accounts/${account.id}/statements`;
  const [months, again] = useRemote(() => list<StatementMonth>(at), [at]);
  const [chosen, setChosen] = useState("");
  const verifier = useVerifier();
  return (
    <>
      <Head title={t("statements.title")} lead={t("statements.lead")} />
      <Loaded of={months} again={again}>
        {(all) => {
          const [latest] = all;
          if (!latest) return <Empty title={t("statements.empty")} />;
          const period = chosen || latest.period;
          return (
            <>
              <div class="toolbar">
                <Choice
                  label={t("statements.month")}
                  value={period}
                  options={all.map((one) => ({ value: one.period, text: month(one.period) }))}
                  onValue={setChosen}
                />
              </div>
              <Shown key={period} at={at} period={period} verifier={verifier} />
              <Invoices {...props} period={period} />
            </>
          );
        }}
      </Loaded>
      <FromFile verifier={verifier} />
    </>
  );
}

/** The verifier, loaded with the page so that it works without a network later. */
function useVerifier(): Verifier | null {
  const [verifier, setVerifier] = useState<Verifier | null>(null);
  useEffect(() => {
    load().then((loaded) => setVerifier(() => loaded));
  }, []);
  return verifier;
}

function Shown({ at, period, verifier }: { at: string; period: string; verifier: Verifier | null }) {
  const [text, again] = useRemote(() => askText("GET", `${at}/${period}`), [at, period]);
  return (
    <Loaded of={text} again={again}>
      {(value) => <Document text={value} period={period} verifier={verifier} />}
    </Loaded>
  );
}

function Document({ text, period, verifier }: { text: string; period: string; verifier: Verifier | null }) {
  const statement = JSON.parse(text) as Statement;
  const { currency } = statement;
  return (
    <article class="card statement">
      <div class="split">
        <dl class="sums">
          <div>
            <dt>{t("statements.opening")}</dt>
            <dd class="number">{money(statement.opening, currency)}</dd>
          </div>
          <div>
            <dt>{t("statements.closing")}</dt>
            <dd class="number">{money(statement.closing, currency)}</dd>
          </div>
        </dl>
        <span class="row-actions">
          <Button onClick={() => save(text, `${period}.json`)}>{t("statements.save")}</Button>
          <Button onClick={() => print()}>{t("statements.print")}</Button>
        </span>
      </div>
      <Proof text={text} verifier={verifier} />
      <Entries of={statement} />
      <Used of={statement} />
    </article>
  );
}

/** The seal of the statement, and what checking it says. */
function Proof({ text, verifier }: { text: string; verifier: Verifier | null }) {
  const [verdict, setVerdict] = useState<Verdict | null>(null);
  return (
    <div class="proof">
      <Button icon="seal" kind="main" busy={verifier === null} onClick={() => verifier && setVerdict(verifier(text))}>
        {t("statements.verify")}
      </Button>
      <Said verdict={verdict} />
    </div>
  );
}

function Said({ verdict }: { verdict: Verdict | null }) {
  return (
    <div aria-live="polite" class="verdict">
      {verdict === null && <p class="muted">{t("statements.verify_is")}</p>}
      {verdict?.holds === true && (
        <p class="good-text">
          {t("statements.holds", { n: number(verdict.entries), head: verdict.head.slice(0, 16) })}
        </p>
      )}
      {verdict?.holds === false && <p class="bad-text">{t("statements.broken", { why: verdict.why })}</p>}
    </div>
  );
}

function Entries({ of: { entries, currency } }: { of: Statement }) {
  const moved = entries.filter(({ amount }) => !/^-?0(\.0*)?$/.test(amount));
  return (
    <>
      <h2>{t("statements.entries")}</h2>
      {moved.length === 0 ? (
        <p class="muted">{t("statements.none_moved")}</p>
      ) : (
        <Table
          caption={t("statements.entries")}
          rows={moved}
          id={(row) => String(row.entry.seq)}
          columns={[
            { head: "#", cell: (row) => number(row.entry.seq) },
            { head: t("statements.when"), cell: (row) => moment(row.entry.at) },
            { head: t("statements.what"), cell: (row) => what(row.entry.event) },
            { head: t("statements.amount"), cell: (row) => money(row.amount, currency), number: true },
            { head: t("statements.balance"), cell: (row) => money(row.balance, currency), number: true },
          ]}
        />
      )}
      {moved.length < entries.length && (
        <p class="muted">{t("statements.still", { n: number(entries.length - moved.length) })}</p>
      )}
    </>
  );
}

/** What happened, in words; by the ledger's own word where there are none. */
function what(event: string | Record<string, unknown>): string {
  const name = typeof event === "string" ? event : (Object.keys(event)[0] ?? "");
  return isEvent(name) ? t(`event.${name}`) : name;
}

function Used({ of: { usage, charges, currency } }: { of: Statement }) {
  const rows = Object.entries(usage);
  if (rows.length === 0) return null;
  const charged = (product: string) => charges.filter((charge) => charge.product === product);
  return (
    <>
      <h2>{t("statements.usage")}</h2>
      <Table
        caption={t("statements.usage")}
        rows={rows}
        id={([product]) => product}
        columns={[
          { head: t("usage.product"), cell: ([product]) => product },
          { head: t("usage.calls"), cell: ([, used]) => number(used.calls), number: true },
          { head: t("usage.in"), cell: ([, used]) => bytes(used.ingress_bytes), number: true },
          { head: t("usage.out"), cell: ([, used]) => bytes(used.egress_bytes), number: true },
          {
            head: t("statements.charged"),
            cell: ([product]) =>
              charged(product)
                .map((charge) => money(charge.charged, currency))
                .join(" + ") || "–",
            number: true,
          },
        ]}
      />
    </>
  );
}

/** A statement that was saved before, or that somebody sent: it never leaves the browser. */
function FromFile({ verifier }: { verifier: Verifier | null }) {
  const [verdict, setVerdict] = useState<Verdict | null>(null);
  return (
    <section class="card">
      <h2>{t("statements.file")}</h2>
      <p class="muted">{t("statements.file_is")}</p>
      <input
        type="file"
        accept="application/json,.json"
        aria-label={t("statements.file")}
        disabled={verifier === null}
        onChange={async (event) => {
          const [file] = event.currentTarget.files ?? [];
          if (file && verifier) setVerdict(verifier(await file.text()));
        }}
      />
      {verdict && <Said verdict={verdict} />}
    </section>
  );
}

function save(text: string, name: string): void {
  const url = URL.createObjectURL(new Blob([text], { type: "application/json" }));
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  link.click();
  URL.revokeObjectURL(url);
}
