// Getting money in: by a payment service where the provider has one, and by a request that the provider confirms by hand.

import { useRef, useState } from "preact/hooks";
import { micros } from "../kit/amount.ts";
import { ask, decision } from "../kit/api.ts";
import { Button, Dialog, Field, Table } from "../kit/controls.tsx";
import { moment, t } from "../kit/language.ts";
import type { RechargeRequest } from "../kit/types.ts";
import { money } from "../kit/words.ts";
import { useAct } from "./change.ts";
import { Wrong } from "./change-error.tsx";
import { checkOut } from "./checkout.tsx";

interface Props {
  at: string;
  currency: string;
  /** Whether a payment service takes the money. */
  pays: boolean;
  close: () => void;
  done: () => void;
}

export function Recharge(props: Props) {
  const [amount, setAmount] = useState("20.00");
  const [made, setMade] = useState<RechargeRequest | null>(null);
  const act = useAct();
  const key = useRef(decision());
  const value = micros(amount);
  const isAmount = value !== null && value > 0n;
  const request = async () => {
    const path = `${props.at}/recharge-requests`;
    setMade(await ask<RechargeRequest>("POST", path, { body: { amount: amount.trim() }, key: key.current }));
  };
  const pay = () => checkOut(props.at, { amount: amount.trim() }, key.current);
  const main = props.pays ? pay : request;
  if (made) {
    return (
      <Dialog title={t("recharge.made")} close={props.done}>
        <p>{t("recharge.made_is", { amount: money(made.amount, made.currency) })}</p>
        <p class="figure">
          <code>{made.reference}</code>
        </p>
        <Button kind="main" onClick={props.done}>
          {t("action.close")}
        </Button>
      </Dialog>
    );
  }
  return (
    <Dialog title={t("recharge.title")} close={props.close}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          if (isAmount) act.run(main);
        }}
      >
        <p class="muted">{t(props.pays ? "recharge.pays" : "recharge.is")}</p>
        <Field
          label={t("recharge.amount", { currency: props.currency })}
          inputMode="decimal"
          value={amount}
          wrong={!isAmount}
          onValue={(text) => {
            setAmount(text);
            // Another amount is another decision.
            key.current = decision();
          }}
          help={isAmount ? "" : t("recharge.no_amount")}
        />
        <Wrong problem={act.problem} />
        <Button type="submit" kind="main" busy={act.busy} disabled={!isAmount}>
          {t(props.pays ? "recharge.pay" : "recharge.ask")}
        </Button>
        {props.pays && (
          <Button busy={act.busy} disabled={!isAmount} onClick={() => act.run(request)}>
            {t("recharge.by_hand")}
          </Button>
        )}
      </form>
    </Dialog>
  );
}

/** What was asked for, and what became of it. */
export function Requests({ requests }: { requests: RechargeRequest[] }) {
  if (requests.length === 0) return null;
  return (
    <section>
      <h2>{t("recharge.requests")}</h2>
      <Table
        caption={t("recharge.requests")}
        rows={requests}
        id={(row) => row.reference}
        columns={[
          { head: t("recharge.reference"), cell: (row) => <code>{row.reference}</code> },
          { head: t("recharge.when"), cell: (row) => moment(row.created) },
          { head: t("recharge.how_much"), cell: (row) => money(row.amount, row.currency), number: true },
          {
            head: t("recharge.state"),
            cell: (row) => <span class={`state ${row.status}`}>{t(`recharge.${row.status}`)}</span>,
          },
        ]}
      />
    </section>
  );
}
