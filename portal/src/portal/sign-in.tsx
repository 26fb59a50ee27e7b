// Signing in, which for a new address is signing up: an address, then a code or the link of the mail.
//
// Invariant: the token of a link stands in the fragment, which no server sees, and leaves the address before it is used.

import { useEffect, useState } from "preact/hooks";
import { ask } from "../kit/api.ts";
import { Brand } from "../kit/brand.tsx";
import { Button, Field } from "../kit/controls.tsx";
import { language, t } from "../kit/language.ts";
import { advice, asProblem } from "../kit/remote.tsx";
import { Switches } from "../kit/switches.tsx";
import type { Storefront } from "../kit/types.ts";
import { tokenOf } from "./link.ts";
import { refusal } from "./refusal.ts";

interface Props {
  storefront: Storefront | null;
  over: boolean;
  /** Why the issuer's way back led to no session; empty where it did not lead here. */
  refused: string;
  signedIn: () => void;
}

export function SignIn({ storefront, over, refused, signedIn }: Props) {
  const [address, setAddress] = useState("");
  const [sent, setSent] = useState(false);
  const [code, setCode] = useState("");
  const [busy, setBusy] = useState(false);
  const [wrong, setWrong] = useState(refused && refusal(refused));
  const attempt = async (work: () => Promise<unknown>, done: () => void) => {
    setBusy(true);
    setWrong("");
    try {
      await work();
      done();
    } catch (error) {
      setWrong(said(error));
    } finally {
      setBusy(false);
    }
  };
  const finish = (proof: { code: string } | { token: string }) =>
    attempt(() => ask("POST", "sign-ins/finish", { body: proof }), signedIn);
  useEffect(() => {
    const token = tokenOf(location.hash);
    if (token === null) return;
    history.replaceState(null, "", location.pathname);
    void finish({ token });
  }, []);
  const wanted = () => {
    const invitation = new URLSearchParams(location.hash.split("?")[1] ?? "").get("invitation");
    return { language: language.get(), ...(invitation ? { invitation } : {}) };
  };
  const send = () => {
    const body = { email: address.trim(), ...wanted() };
    void attempt(
      () => ask("POST", "sign-ins", { body }),
      () => setSent(true),
    );
  };
  const leave = async () => {
    const { url } = await ask<{ url: string }>("POST", "oidc/sign-ins", { body: wanted() });
    location.assign(url);
  };
  const ways = storefront?.sign_in ?? ["mail"];
  const isOpen = storefront?.sign_up === "open";
  return (
    <div class="gate">
      <header class="top">
        <Brand of={storefront} href="/_farebox/" />
        <Switches />
      </header>
      <main class="gate-card" id="main" tabIndex={-1}>
        <h1>{sent ? t("sign_in.look") : isOpen ? t("sign_in.title_open") : t("sign_in.title")}</h1>
        {over && !sent && (
          <p class="banner" role="status">
            {t("sign_in.over")}
          </p>
        )}
        {sent ? (
          <CodeForm
            address={address}
            code={code}
            busy={busy}
            setCode={setCode}
            finish={() => void finish({ code: code.replace(/\s/g, "") })}
            back={() => {
              setSent(false);
              setCode("");
              setWrong("");
            }}
          />
        ) : (
          ways.includes("mail") && (
            <AddressForm address={address} busy={busy} setAddress={setAddress} send={send} isOpen={isOpen} />
          )
        )}
        {wrong && (
          <p class="banner bad" role="alert">
            {wrong}
          </p>
        )}
        {!sent && ways.includes("oidc") && (
          <Button busy={busy} onClick={() => void attempt(leave, () => undefined)}>
            {t("sign_in.oidc")}
          </Button>
        )}
      </main>
    </div>
  );
}

function AddressForm(props: {
  address: string;
  busy: boolean;
  isOpen: boolean;
  setAddress: (value: string) => void;
  send: () => void;
}) {
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        props.send();
      }}
    >
      <p class="muted">{props.isOpen ? t("sign_in.lead_open") : t("sign_in.lead")}</p>
      <Field
        label={t("sign_in.email")}
        type="email"
        autocomplete="email"
        required
        value={props.address}
        onValue={props.setAddress}
      />
      <Button type="submit" kind="main" busy={props.busy}>
        {t("sign_in.send")}
      </Button>
    </form>
  );
}

function CodeForm(props: {
  address: string;
  code: string;
  busy: boolean;
  setCode: (value: string) => void;
  finish: () => void;
  back: () => void;
}) {
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        props.finish();
      }}
    >
      <p class="muted">{t("sign_in.sent", { email: props.address })}</p>
      <Field
        label={t("sign_in.code")}
        class="code-input"
        inputMode="numeric"
        autocomplete="one-time-code"
        pattern="[0-9 ]{6,7}"
        maxLength={7}
        required
        value={props.code}
        onValue={props.setCode}
      />
      <Button type="submit" kind="main" busy={props.busy}>
        {t("sign_in.finish")}
      </Button>
      <Button kind="quiet" onClick={props.back}>
        {t("sign_in.other")}
      </Button>
    </form>
  );
}

function said(error: unknown): string {
  const problem = asProblem(error);
  return problem.status === 401 ? t("sign_in.wrong") : advice(problem);
}
