// How to call the product: scheme by scheme, in six languages, with the customer's key where it is at hand.

import { useEffect, useState } from "preact/hooks";
import { list } from "../kit/api.ts";
import { CopyButton, Tabs } from "../kit/controls.tsx";
import { t } from "../kit/language.ts";
import { kept } from "../kit/recent-key.ts";
import type { Credential, Me, Product } from "../kit/types.ts";
import {
  exampleUrl,
  type Keys,
  PLACEHOLDERS,
  PROGRAMMING,
  type Programming,
  SCHEMES,
  sample,
} from "./samples/index.ts";

export function Calling({ product, me }: { product: Product; me: Me | null }) {
  const [scheme, setScheme] = useState(product.schemes[0] ?? "key");
  const [language, setLanguage] = useState<Programming>("curl");
  const { keys, said } = useKeys(me);
  const program = sample(scheme, language, exampleUrl(product, location.origin), keys);
  return (
    <div class="calling">
      <div class="calling-choices">
        {product.schemes.length > 1 && (
          <Tabs
            label={t("calling.scheme")}
            value={scheme}
            options={product.schemes.map((value) => ({ value, text: SCHEMES[value] ?? value }))}
            onValue={setScheme}
          />
        )}
        <Tabs label={t("calling.language")} value={language} options={PROGRAMMING} onValue={setLanguage} />
      </div>
      <Code text={program} label={t("calling.program")} />
      <p class="muted">{said}</p>
      <Routes product={product} />
    </div>
  );
}

/** A program, to read and to copy. */
export function Code(props: { text: string; label: string }) {
  return (
    <div class="code">
      {/* biome-ignore lint/a11y/useSemanticElements lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by keys */}
      <pre tabIndex={0} role="region" aria-label={props.label}>
        <code>{props.text}</code>
      </pre>
      <CopyButton text={props.text} label={t("action.copy_of", { what: props.label })} />
    </div>
  );
}

/** What the programs are shown with, and what a person is told of it. */
function useKeys(me: Me | null): { keys: Keys; said: string } {
  const [own, setOwn] = useState<Credential | null>(null);
  const account = me?.accounts[0]?.id;
  const made = kept();
  useEffect(() => {
    if (!account) return;
    const first = (all: Credential[]) => setOwn(all.find((one) => one.revoked === null) ?? null);
    list<Credential>(`accounts/${account}/credentials`).then(first, () => setOwn(null));
  }, [account]);
  if (!me) return { keys: PLACEHOLDERS, said: t("calling.stranger") };
  if (made) return { keys: { ...made }, said: t("calling.new_key") };
  if (own) return { keys: { ...PLACEHOLDERS, key: own.key }, said: t("calling.own_key", { key: own.name || own.key }) };
  return { keys: PLACEHOLDERS, said: t("calling.no_key") };
}

function Routes({ product }: { product: Product }) {
  return (
    <div>
      <h3>{t("calling.routes")}</h3>
      <ul class="routes">
        {product.routes.map((route) => (
          <li key={`${route.methods.join()} ${route.path}`}>
            <span class="methods">{route.methods.length === 0 ? t("calling.any") : route.methods.join(" ")}</span>
            <code>{route.path}</code>
          </li>
        ))}
      </ul>
    </div>
  );
}
