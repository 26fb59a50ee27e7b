// Members of the account: who may do what, who was invited, and who leaves.

import { useState } from "preact/hooks";
import { ask, list } from "../kit/api.ts";
import { Button, Choice, Dialog, Field, Table } from "../kit/controls.tsx";
import { day, t } from "../kit/language.ts";
import { Loaded, useRemote } from "../kit/remote.tsx";
import type { Invitation, Member, Role } from "../kit/types.ts";
import { useAct } from "./change.ts";
import { Wrong } from "./change-error.tsx";
import { Head } from "./frame.tsx";
import type { PageProps } from "./portal.tsx";

const ROLES: readonly Role[] = ["owner", "manager", "developer", "viewer"];

export function Members({ account, me }: PageProps) {
  const at = `accounts/${account.id}`;
  const mayInvite = account.role === "owner" || account.role === "manager";
  const [seen, again] = useRemote(() => look(at, mayInvite), [at, mayInvite]);
  const [inviting, setInviting] = useState(false);
  const [leaving, setLeaving] = useState<Member | null>(null);
  const act = useAct();
  const change = (member: Member, role: Role) =>
    act.run(async () => {
      await ask("PATCH", `${at}/members/${member.person}`, { body: { role } });
      again();
    });
  return (
    <>
      <Head title={t("members.title")} lead={t("members.lead")}>
        {mayInvite && (
          <Button kind="main" icon="plus" onClick={() => setInviting(true)}>
            {t("members.invite")}
          </Button>
        )}
      </Head>
      <Wrong problem={act.problem} />
      <Loaded of={seen} again={again}>
        {({ members, invitations }) => (
          <>
            <Table
              caption={t("members.title")}
              rows={members}
              id={(row) => row.person}
              columns={[
                { head: t("members.email"), cell: (row) => row.email },
                {
                  head: t("members.role"),
                  cell: (row) =>
                    account.role === "owner" && row.email !== me.person.email ? (
                      <Choice
                        hidden
                        label={t("members.role_of", { email: row.email })}
                        value={row.role}
                        options={ROLES.map((value) => ({ value, text: t(`role.${value}`) }))}
                        onValue={(role) => change(row, role)}
                      />
                    ) : (
                      t(`role.${row.role}`)
                    ),
                },
                { head: t("members.since"), cell: (row) => day(row.since) },
                {
                  head: t("keys.actions"),
                  cell: (row) =>
                    mayInvite &&
                    row.email !== me.person.email && (
                      <Button
                        kind="quiet"
                        label={t("members.remove_of", { email: row.email })}
                        onClick={() => setLeaving(row)}
                      >
                        {t("members.remove")}
                      </Button>
                    ),
                },
              ]}
            />
            <Invitations at={at} invitations={invitations} again={again} />
          </>
        )}
      </Loaded>
      <RolesAre />
      {inviting && (
        <Invite
          at={at}
          close={() => setInviting(false)}
          done={() => {
            setInviting(false);
            again();
          }}
        />
      )}
      {leaving && (
        <Dialog title={t("members.remove_of", { email: leaving.email })} close={() => setLeaving(null)}>
          <p>{t("members.remove_is")}</p>
          <Button
            kind="danger"
            busy={act.busy}
            onClick={() =>
              act.run(async () => {
                setLeaving(null);
                await ask("DELETE", `${at}/members/${leaving.person}`);
                again();
              })
            }
          >
            {t("members.remove")}
          </Button>
        </Dialog>
      )}
    </>
  );
}

async function look(at: string, mayInvite: boolean): Promise<{ members: Member[]; invitations: Invitation[] }> {
  const [members, invitations] = await Promise.all([
    list<Member>(`${at}/members`),
    mayInvite ? list<Invitation>(`${at}/invitations`) : [],
  ]);
  return { members, invitations };
}

function Invitations(props: { at: string; invitations: Invitation[]; again: () => void }) {
  const act = useAct();
  if (props.invitations.length === 0) return null;
  return (
    <section>
      <h2>{t("members.invited")}</h2>
      <Wrong problem={act.problem} />
      <Table
        caption={t("members.invited")}
        rows={props.invitations}
        id={(row) => row.id}
        columns={[
          { head: t("members.email"), cell: (row) => row.email },
          { head: t("members.role"), cell: (row) => t(`role.${row.role}`) },
          { head: t("members.until"), cell: (row) => day(row.expires) },
          {
            head: t("keys.actions"),
            cell: (row) => (
              <Button
                kind="quiet"
                label={t("members.withdraw_of", { email: row.email })}
                onClick={() =>
                  act.run(async () => {
                    await ask("DELETE", `${props.at}/invitations/${row.id}`);
                    props.again();
                  })
                }
              >
                {t("members.withdraw")}
              </Button>
            ),
          },
        ]}
      />
    </section>
  );
}

function Invite(props: { at: string; close: () => void; done: () => void }) {
  const [email, setEmail] = useState("");
  const [role, setRole] = useState<Role>("developer");
  const act = useAct();
  const invite = async () => {
    await ask("POST", `${props.at}/invitations`, { body: { email: email.trim(), role } });
    props.done();
  };
  return (
    <Dialog title={t("members.invite")} close={props.close}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          act.run(invite);
        }}
      >
        <Field label={t("members.email")} type="email" required value={email} onValue={setEmail} />
        <Choice
          label={t("members.role")}
          value={role}
          options={ROLES.map((value) => ({ value, text: t(`role.${value}`) }))}
          onValue={setRole}
        />
        <Wrong problem={act.problem} />
        <Button type="submit" kind="main" busy={act.busy}>
          {t("members.send")}
        </Button>
      </form>
    </Dialog>
  );
}

function RolesAre() {
  return (
    <section class="card">
      <h2>{t("members.roles")}</h2>
      <dl class="roles">
        {ROLES.map((role) => (
          <div key={role}>
            <dt>{t(`role.${role}`)}</dt>
            <dd>{t(`role.${role}_may`)}</dd>
          </div>
        ))}
      </dl>
    </section>
  );
}
