// The portal: the session, the account that is looked at, and which page is shown.
//
// Invariant: when the API says that the session is over, the person signs in again and comes back to the same page.

import { useEffect, useState } from "preact/hooks";
import type { Problem } from "../kit/api.ts";
import { get, onSessionOver } from "../kit/api.ts";
import { language, t } from "../kit/language.ts";
import { usePath } from "../kit/path.tsx";
import { forget } from "../kit/recent-key.ts";
import { asProblem, Failed, Loaded, Skeleton, useRemote } from "../kit/remote.tsx";
import { useSignal } from "../kit/signal.ts";
import { tint } from "../kit/theme.ts";
import type { Account, Me, Storefront } from "../kit/types.ts";
import { Frame } from "./frame.tsx";
import { Keys } from "./keys.tsx";
import { Members } from "./members.tsx";
import { Notices } from "./notices.tsx";
import { Offers } from "./offers.tsx";
import { Overview } from "./overview.tsx";
import { Settings } from "./settings.tsx";
import { SignIn } from "./sign-in.tsx";
import { Statements } from "./statements.tsx";
import { Usage } from "./usage.tsx";

const SIGNED_IN = "farebox-signed-in";

type Session =
  | { state: "asking" }
  | { state: "out"; over: boolean; refused: string }
  | { state: "in"; me: Me }
  | { state: "failed"; problem: Problem };

export function Portal() {
  useSignal(language);
  const [storefront] = useRemote(() => get<Storefront>("storefront"), []);
  const [session, setSession] = useState<Session>({ state: "asking" });
  const known = storefront.state === "there" ? storefront.value : null;
  const enter = (me: Me) => {
    localStorage.setItem(SIGNED_IN, "1");
    setSession({ state: "in", me });
  };
  const leave = (over: boolean) => {
    localStorage.removeItem(SIGNED_IN);
    forget();
    setSession({ state: "out", over, refused: "" });
  };
  const look = () => {
    const failed = (error: unknown) => {
      const problem = asProblem(error);
      if (problem.status !== 401) setSession({ state: "failed", problem });
    };
    get<Me>("me").then(enter, failed);
  };
  useEffect(() => tint(known?.colour), [known]);
  useEffect(() => onSessionOver(() => leave(localStorage.getItem(SIGNED_IN) !== null)), []);
  useEffect(() => {
    const link = /^#\/?sign-in\?token[=:]?/.test(location.hash);
    // Who was never signed in here has no session: no question is asked that can only be answered by an error.
    const led = new URLSearchParams(location.search);
    const [hasEntered, refused] = [led.has("entered"), led.get("refused") ?? ""];
    if (hasEntered || refused) history.replaceState(null, "", location.pathname);
    const isKnown = localStorage.getItem(SIGNED_IN) !== null || hasEntered;
    if (isKnown && !link && !refused) look();
    else setSession({ state: "out", over: false, refused });
  }, []);
  switch (session.state) {
    case "asking":
      return <Skeleton />;
    case "failed":
      return <Failed problem={session.problem} again={look} />;
    case "out":
      return <SignIn storefront={known} over={session.over} refused={session.refused} signedIn={look} />;
    case "in":
      return <SignedIn me={session.me} storefront={known} left={() => leave(false)} changed={look} />;
  }
}

export interface PageProps {
  account: Account;
  /** Of all its amounts. */
  currency: string;
  /** Whether a payment service takes money. */
  pays: boolean;
  /** Whether invoices are made. */
  invoices: boolean;
  me: Me;
  /** Reads the account again. */
  changed: () => void;
}

function SignedIn(props: { me: Me; storefront: Storefront | null; left: () => void; changed: () => void }) {
  const { me } = props;
  const path = usePath();
  const [id, setId] = useState(me.accounts[0]?.id ?? "");
  const [account, again] = useRemote(() => get<Account>(`accounts/${id}`), [id]);
  const page = path.split("/")[0] ?? "";
  return (
    <Frame me={me} storefront={props.storefront} page={page} account={id} choose={setId} left={props.left}>
      {id === "" ? (
        <p>{t("portal.no_account")}</p>
      ) : (
        <Loaded of={account} again={again}>
          {(value) => {
            const changed = () => {
              again();
              props.changed();
            };
            const currency = props.storefront?.currency ?? "USD";
            const pays = (props.storefront?.payments ?? null) !== null;
            const invoices = props.storefront?.invoices === true;
            const given = { account: value, currency, pays, invoices, me, changed };
            return <Page name={page} props={given} left={props.left} />;
          }}
        </Loaded>
      )}
    </Frame>
  );
}

function Page({ name, props, left }: { name: string; props: PageProps; left: () => void }) {
  switch (name) {
    case "":
      return <Overview {...props} />;
    case "usage":
      return <Usage {...props} />;
    case "keys":
      return <Keys {...props} />;
    case "offers":
      return <Offers {...props} />;
    case "statements":
      return <Statements {...props} />;
    case "notices":
      return <Notices {...props} />;
    case "members":
      return <Members {...props} />;
    case "settings":
      return <Settings {...props} left={left} />;
    default:
      return <p>{t("portal.no_page")}</p>;
  }
}
