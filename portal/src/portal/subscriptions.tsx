// Running subscriptions: what they cost, when they renew, and how one ends.

import { useRef, useState } from "preact/hooks";
import { ask, decision } from "../kit/api.ts";
import { Button, Dialog, Table } from "../kit/controls.tsx";
import { day, t } from "../kit/language.ts";
import type { Subscription } from "../kit/types.ts";
import { every, money } from "../kit/words.ts";
import { useAct } from "./change.ts";
import { Wrong } from "./change-error.tsx";

interface Props {
  at: string;
  currency: string;
  subscriptions: Subscription[];
  mayChange: boolean;
  changed: () => void;
}

export function Subscriptions(props: Props) {
  const [ending, setEnding] = useState<Subscription | null>(null);
  if (props.subscriptions.length === 0) return null;
  return (
    <section>
      <h2>{t("subscriptions.title")}</h2>
      <Table
        caption={t("subscriptions.title")}
        rows={props.subscriptions}
        id={(row) => row.id}
        columns={[
          { head: t("subscriptions.plan"), cell: (row) => row.plan },
          {
            head: t("subscriptions.price"),
            cell: (row) => `${money(row.price, props.currency)} ${every(row.every)}`,
            number: true,
          },
          { head: t("subscriptions.next"), cell: (row) => <Next of={row} /> },
          {
            head: t("keys.actions"),
            cell: (row) =>
              props.mayChange &&
              row.renews && (
                <Button
                  kind="quiet"
                  label={t("subscriptions.cancel_of", { plan: row.plan })}
                  onClick={() => setEnding(row)}
                >
                  {t("subscriptions.cancel")}
                </Button>
              ),
          },
        ]}
      />
      {ending && (
        <Cancel
          at={props.at}
          subscription={ending}
          close={() => setEnding(null)}
          done={() => {
            setEnding(null);
            props.changed();
          }}
        />
      )}
    </section>
  );
}

function Next({ of }: { of: Subscription }) {
  if (of.grace_until) return <span class="bad-text">{t("subscriptions.unpaid", { day: day(of.grace_until) })}</span>;
  return <>{t(of.renews ? "subscriptions.renews" : "subscriptions.ends", { day: day(of.until) })}</>;
}

function Cancel(props: { at: string; subscription: Subscription; close: () => void; done: () => void }) {
  const act = useAct();
  const key = useRef(decision());
  const cancel = async () => {
    await ask("DELETE", `${props.at}/subscriptions/${props.subscription.id}`, { key: key.current });
    props.done();
  };
  return (
    <Dialog title={t("subscriptions.cancel_of", { plan: props.subscription.plan })} close={props.close}>
      <p>{t("subscriptions.cancel_is", { day: day(props.subscription.until) })}</p>
      <Wrong problem={act.problem} />
      <Button kind="danger" busy={act.busy} onClick={() => act.run(cancel)}>
        {t("subscriptions.cancel")}
      </Button>
    </Dialog>
  );
}
