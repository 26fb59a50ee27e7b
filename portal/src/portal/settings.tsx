// Settings: the person's name and language, the account's name, and the way out.

import { useState } from "preact/hooks";
import { ask } from "../kit/api.ts";
import { Button, Choice, Field } from "../kit/controls.tsx";
import { choose, LANGUAGES, type Language, language, moment, t } from "../kit/language.ts";
import { useSignal } from "../kit/signal.ts";
import { choose as paint, type Theme, theme } from "../kit/theme.ts";
import { useAct } from "./change.ts";
import { Wrong } from "./change-error.tsx";
import { Head } from "./frame.tsx";
import { InvoiceTo } from "./invoices.tsx";
import type { PageProps } from "./portal.tsx";

export function Settings(props: PageProps & { left: () => void }) {
  return (
    <>
      <Head title={t("settings.title")} />
      <div class="columns">
        <Person {...props} />
        <AccountName {...props} />
        <InvoiceTo {...props} />
        <Session {...props} />
      </div>
    </>
  );
}

function Person({ me, changed }: PageProps) {
  const [name, setName] = useState(me.person.name ?? "");
  const spoken = useSignal(language);
  const painted = useSignal(theme);
  const act = useAct();
  const save = (next: Language) =>
    act.run(async () => {
      await ask("PATCH", "me", { body: { name: name.trim(), language: next } });
      changed();
    });
  return (
    <form
      class="card"
      onSubmit={(event) => {
        event.preventDefault();
        save(spoken);
      }}
    >
      <h2>{t("settings.person")}</h2>
      <p class="muted">{me.person.email}</p>
      <Field label={t("settings.name")} value={name} maxLength={100} autocomplete="name" onValue={setName} />
      <Choice<Language>
        label={t("settings.language")}
        value={spoken}
        options={LANGUAGES}
        onValue={(next) => {
          void choose(next);
          save(next);
        }}
      />
      <Choice<Theme>
        label={t("settings.theme")}
        value={painted}
        options={(["system", "light", "dark"] as const).map((value) => ({ value, text: t(`theme.${value}`) }))}
        onValue={paint}
      />
      <Wrong problem={act.problem} />
      <Button type="submit" kind="main" busy={act.busy}>
        {t("action.save")}
      </Button>
    </form>
  );
}

function AccountName({ account, changed }: PageProps) {
  const [name, setName] = useState(account.name);
  const act = useAct();
  const mayChange = account.role === "owner" || account.role === "manager";
  return (
    <form
      class="card"
      onSubmit={(event) => {
        event.preventDefault();
        act.run(async () => {
          await ask("PATCH", `accounts/${account.id}`, { body: { name: name.trim() } });
          changed();
        });
      }}
    >
      <h2>{t("settings.account")}</h2>
      <p class="muted">
        <code>{account.id}</code> · {t(`role.${account.role}`)}
      </p>
      <Field
        label={t("settings.account_name")}
        value={name}
        required
        maxLength={100}
        disabled={!mayChange}
        onValue={setName}
      />
      <Wrong problem={act.problem} />
      {mayChange && (
        <Button type="submit" kind="main" busy={act.busy}>
          {t("action.save")}
        </Button>
      )}
    </form>
  );
}

function Session({ me, left }: PageProps & { left: () => void }) {
  const act = useAct();
  const leave = (everywhere: boolean) =>
    act.run(async () => {
      await ask("POST", "sign-out", { body: { everywhere } });
      left();
    });
  return (
    <section class="card">
      <h2>{t("settings.session")}</h2>
      <p class="muted">{t("settings.until", { moment: moment(me.session.expires) })}</p>
      <Wrong problem={act.problem} />
      <div class="stack">
        <Button icon="out" busy={act.busy} onClick={() => leave(false)}>
          {t("settings.sign_out")}
        </Button>
        <Button kind="danger" busy={act.busy} onClick={() => leave(true)}>
          {t("settings.sign_out_all")}
        </Button>
      </div>
    </section>
  );
}
