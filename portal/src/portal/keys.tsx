// Keys: made, shown once, rotated, revoked.
//
// Invariant: a secret is shown where it was made and nowhere else, and the dialog that shows it closes by a decision only.

import { useRef, useState } from "preact/hooks";
import { ask, decision, list } from "../kit/api.ts";
import { Button, Copyable, Dialog, Field, Table } from "../kit/controls.tsx";
import { day, t } from "../kit/language.ts";
import { keep } from "../kit/recent-key.ts";
import { Empty, Loaded, useRemote } from "../kit/remote.tsx";
import type { Credential, NewCredential } from "../kit/types.ts";
import { useAct } from "./change.ts";
import { Wrong } from "./change-error.tsx";
import { Head } from "./frame.tsx";
import { standing } from "./key-status.ts";
import type { PageProps } from "./portal.tsx";

type Open = { what: "create" } | { what: "rotate" | "revoke"; credential: Credential } | null;

export function Keys({ account }: PageProps) {
  const at = `accounts/${account.id}/credentials`;
  const [keys, again] = useRemote(() => list<Credential>(at), [at]);
  const [open, setOpen] = useState<Open>(null);
  const [made, setMade] = useState<NewCredential | null>(null);
  const mayChange = account.role !== "viewer";
  const show = (credential: NewCredential) => {
    keep(credential);
    setOpen(null);
    setMade(credential);
    again();
  };
  return (
    <>
      <Head title={t("keys.title")} lead={t("keys.lead")}>
        {mayChange && (
          <Button kind="main" icon="plus" onClick={() => setOpen({ what: "create" })}>
            {t("keys.create")}
          </Button>
        )}
      </Head>
      <Loaded of={keys} again={again}>
        {(all) => {
          if (all.length === 0)
            return <Empty title={t("keys.empty")}>{mayChange && <p>{t("keys.empty_do")}</p>}</Empty>;
          return <List keys={all} mayChange={mayChange} open={setOpen} />;
        }}
      </Loaded>
      {open?.what === "create" && <Create at={at} close={() => setOpen(null)} done={show} />}
      {open?.what === "rotate" && (
        <Rotate at={at} credential={open.credential} close={() => setOpen(null)} done={show} />
      )}
      {open?.what === "revoke" && (
        <Revoke
          at={at}
          credential={open.credential}
          close={() => setOpen(null)}
          done={() => {
            setOpen(null);
            again();
          }}
        />
      )}
      {made && <Made made={made} close={() => setMade(null)} />}
    </>
  );
}

function List(props: { keys: Credential[]; mayChange: boolean; open: (open: Open) => void }) {
  return (
    <Table
      caption={t("keys.title")}
      rows={props.keys}
      id={(row) => row.key}
      columns={[
        { head: t("keys.name"), cell: (row) => row.name || t("keys.unnamed") },
        {
          head: t("keys.key"),
          cell: (row) => (
            <>
              <code>{row.key}</code>
              {row.last_four && <span class="muted"> …{row.last_four}</span>}
              {row.test && <span class="tag">{t("keys.test")}</span>}
            </>
          ),
        },
        { head: t("keys.created"), cell: (row) => day(row.created) },
        {
          head: t("keys.state"),
          cell: (row) => {
            const now = standing(row, Date.now());
            return <span class={`state ${now}`}>{t(`keys.${now}`)}</span>;
          },
        },
        {
          head: t("keys.actions"),
          cell: (row) =>
            props.mayChange &&
            standing(row, Date.now()) === "active" && (
              <span class="row-actions">
                <Button
                  kind="quiet"
                  label={t("keys.rotate_of", { key: row.name || row.key })}
                  onClick={() => props.open({ what: "rotate", credential: row })}
                >
                  {t("keys.rotate")}
                </Button>
                <Button
                  kind="quiet"
                  label={t("keys.revoke_of", { key: row.name || row.key })}
                  onClick={() => props.open({ what: "revoke", credential: row })}
                >
                  {t("keys.revoke")}
                </Button>
              </span>
            ),
        },
      ]}
    />
  );
}

function Create(props: { at: string; close: () => void; done: (made: NewCredential) => void }) {
  const [name, setName] = useState("");
  const act = useAct();
  const key = useRef(decision());
  const create = async () => {
    const body = name.trim() === "" ? {} : { name: name.trim() };
    props.done(await ask<NewCredential>("POST", props.at, { body, key: key.current }));
  };
  return (
    <Dialog title={t("keys.create")} close={props.close}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          act.run(create);
        }}
      >
        <Field label={t("keys.name")} help={t("keys.name_help")} value={name} maxLength={64} onValue={setName} />
        <Wrong problem={act.problem} />
        <Button type="submit" kind="main" busy={act.busy}>
          {t("keys.create")}
        </Button>
      </form>
    </Dialog>
  );
}

/** How long the old key goes on beside the new one, in seconds: a day to put the new one everywhere. */
const OVERLAP = 86_400;

function Rotate(props: { at: string; credential: Credential; close: () => void; done: (made: NewCredential) => void }) {
  const act = useAct();
  const key = useRef(decision());
  const rotate = async () => {
    const path = `${props.at}/${props.credential.key}/rotations`;
    props.done(await ask<NewCredential>("POST", path, { body: { overlap_seconds: OVERLAP }, key: key.current }));
  };
  return (
    <Dialog title={t("keys.rotate_of", { key: props.credential.name || props.credential.key })} close={props.close}>
      <p>{t("keys.rotate_is")}</p>
      <Wrong problem={act.problem} />
      <Button kind="main" busy={act.busy} onClick={() => act.run(rotate)}>
        {t("keys.rotate")}
      </Button>
    </Dialog>
  );
}

function Revoke(props: { at: string; credential: Credential; close: () => void; done: () => void }) {
  const act = useAct();
  const revoke = async () => {
    await ask("DELETE", `${props.at}/${props.credential.key}`);
    props.done();
  };
  return (
    <Dialog title={t("keys.revoke_of", { key: props.credential.name || props.credential.key })} close={props.close}>
      <p>{t("keys.revoke_is")}</p>
      <Wrong problem={act.problem} />
      <Button kind="danger" busy={act.busy} onClick={() => act.run(revoke)}>
        {t("keys.revoke")}
      </Button>
    </Dialog>
  );
}

function Made({ made, close }: { made: NewCredential; close: () => void }) {
  return (
    <Dialog title={t("keys.made")} close={close} fixed>
      <p class="banner good">{t("keys.once")}</p>
      <Copyable label={t("keys.api_key")} text={made.api_key} />
      <Copyable label={t("keys.key")} text={made.key} />
      <Copyable label={t("keys.secret")} text={made.secret} />
      <p class="muted">{t("keys.made_where")}</p>
      <Button kind="main" onClick={close}>
        {t("keys.kept")}
      </Button>
    </Dialog>
  );
}
