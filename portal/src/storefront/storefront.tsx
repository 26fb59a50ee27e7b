// The storefront's frame, and its list of products.

import type { ComponentChildren } from "preact";
import { useEffect, useState } from "preact/hooks";
import { get } from "../kit/api.ts";
import { Brand } from "../kit/brand.tsx";
import { Icon } from "../kit/icon.tsx";
import { language, t } from "../kit/language.ts";
import { Empty, Loaded, useRemote } from "../kit/remote.tsx";
import { useSignal } from "../kit/signal.ts";
import { Switches } from "../kit/switches.tsx";
import { tint } from "../kit/theme.ts";
import type { Me, Storefront } from "../kit/types.ts";
import { Mailbox } from "./mailbox.tsx";
import { Problems } from "./problems.tsx";
import { ProductPage } from "./product.tsx";
import { matches } from "./search.ts";

const HOME = "/_farebox/";
const PORTAL = "/_farebox/portal/";
const MAILBOX = "/_farebox/dev/mailbox";

export function Shop(props: { path: string }) {
  useSignal(language);
  const [storefront, again] = useRemote(() => get<Storefront>("storefront"), []);
  const me = useMe();
  const known = storefront.state === "there" ? storefront.value : null;
  useEffect(() => tint(known?.colour), [known]);
  const problem = /^\/_farebox\/problems(?:\/([^/]+))?$/.exec(props.path);
  const product = /^\/_farebox\/products\/([^/]+)$/.exec(props.path)?.[1];
  return (
    <Frame storefront={known} me={me}>
      <Loaded of={storefront} again={again}>
        {(value) =>
          props.path === MAILBOX ? (
            <Mailbox />
          ) : problem ? (
            <Problems code={problem[1]} />
          ) : product ? (
            <ProductPage id={decodeURIComponent(product)} currency={value.currency} me={me} />
          ) : (
            <Products of={value} />
          )
        }
      </Loaded>
    </Frame>
  );
}

/** Who looks at the page; `null` for a stranger. */
function useMe(): Me | null {
  const [me, setMe] = useState<Me | null>(null);
  useEffect(() => {
    // A stranger has no session, and no question is asked whose answer the console would show as an error.
    if (localStorage.getItem("farebox-signed-in") !== null) get<Me>("me").then(setMe, () => setMe(null));
  }, []);
  return me;
}

function Frame(props: { storefront: Storefront | null; me: Me | null; children: ComponentChildren }) {
  const { storefront, me } = props;
  const links = storefront?.links ?? [];
  return (
    <div class="shop">
      <a class="skip" href="#main">
        {t("action.skip")}
      </a>
      <header class="top">
        <Brand of={storefront} href={HOME} />
        <nav class="top-links" aria-label={t("nav.main")}>
          <a class="button main" href={PORTAL}>
            {me ? t("nav.portal") : storefront?.sign_up === "open" ? t("nav.sign_up") : t("nav.sign_in")}
          </a>
        </nav>
        <Switches />
      </header>
      <main id="main" tabIndex={-1}>
        {props.children}
      </main>
      <footer class="foot">
        <span>{storefront?.name}</span>
        <nav aria-label={t("nav.links")}>
          {links.map((link) => (
            <a key={link.url} href={link.url} rel="noopener">
              {link.text}
            </a>
          ))}
        </nav>
      </footer>
    </div>
  );
}

function Products(props: { of: Storefront }) {
  const [wanted, setWanted] = useState("");
  const all = props.of.products;
  const found = all.filter((product) => matches(product, wanted));
  return (
    <>
      <section class="hero">
        <h1>{t("shop.title", { name: props.of.name })}</h1>
        <p class="lead">{t("shop.lead")}</p>
        <ol class="steps">
          <li>{t("shop.step_1")}</li>
          <li>{t("shop.step_2")}</li>
          <li>{t("shop.step_3")}</li>
        </ol>
      </section>
      {all.length === 0 ? (
        <Empty title={t("shop.empty")} />
      ) : (
        <>
          <search class="search">
            <Icon name="search" />
            <input
              type="search"
              aria-label={t("shop.search")}
              placeholder={t("shop.search")}
              value={wanted}
              onInput={(event) => setWanted(event.currentTarget.value)}
            />
          </search>
          <p class="only-read" role="status">
            {t("shop.found", { n: found.length })}
          </p>
          {found.length === 0 && <Empty title={t("shop.nothing", { wanted })} />}
          <ul class="products">
            {found.map((product) => (
              <li key={product.id}>
                <a class="product" href={`/_farebox/products/${encodeURIComponent(product.id)}`}>
                  <h2>{product.name}</h2>
                  {product.summary && <p>{product.summary}</p>}
                  <span class="tags">
                    {product.tags?.map((tag) => (
                      <span class="tag" key={tag}>
                        {tag}
                      </span>
                    ))}
                  </span>
                </a>
              </li>
            ))}
          </ul>
        </>
      )}
    </>
  );
}
