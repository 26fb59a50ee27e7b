// The page of one product: what it is, what it costs, how it is called.

import { useEffect, useState } from "preact/hooks";
import { get } from "../kit/api.ts";
import { Button } from "../kit/controls.tsx";
import { t } from "../kit/language.ts";
import { Loaded, Skeleton, useRemote } from "../kit/remote.tsx";
import type { Me, Product } from "../kit/types.ts";
import { Calculator } from "./calculator.tsx";
import { Calling } from "./how-to-call.tsx";
import { Prices } from "./prices.tsx";

export function ProductPage(props: { id: string; currency: string; me: Me | null }) {
  const [product, again] = useRemote(() => get<Product>(`products/${encodeURIComponent(props.id)}`), [props.id]);
  return (
    <Loaded of={product} again={again}>
      {(value) => <Shown product={value} currency={props.currency} me={props.me} />}
    </Loaded>
  );
}

function Shown({ product, currency, me }: { product: Product; currency: string; me: Me | null }) {
  const sections = [
    { id: "prices", text: t("product.prices") },
    { id: "calling", text: t("product.calling") },
    ...(product.openapi ? [{ id: "reference", text: t("product.reference") }] : []),
  ];
  return (
    <article class="product-page">
      <header class="hero">
        <p class="crumb">
          <a href="/_farebox/">{t("nav.products")}</a>
        </p>
        <h1>{product.name}</h1>
        {product.summary && <p class="lead">{product.summary}</p>}
        <nav class="sections" aria-label={t("nav.page")}>
          {sections.map((section) => (
            <a key={section.id} href={`#${section.id}`}>
              {section.text}
            </a>
          ))}
        </nav>
      </header>
      {product.description && <Description text={product.description} />}
      <section id="prices" class="block">
        <h2>{t("product.prices")}</h2>
        <Prices product={product} currency={currency} />
        <Calculator product={product} />
      </section>
      <section id="calling" class="block">
        <h2>{t("product.calling")}</h2>
        <Calling product={product} me={me} />
      </section>
      {product.openapi && <Reference product={product} />}
    </article>
  );
}

/** Markdown of the provider: read by a library that is loaded for it, and cleaned of all that runs. */
function Description(props: { text: string }) {
  const [html, setHtml] = useState<string | null>(null);
  useEffect(() => {
    import("./markdown.ts").then(({ clean }) => setHtml(clean(props.text)));
  }, [props.text]);
  if (html === null) return <Skeleton />;
  // What DOMPurify gave.
  return <div class="prose" dangerouslySetInnerHTML={{ __html: html }} />;
}

/** The API's own description, loaded when it is opened. */
function Reference({ product }: { product: Product }) {
  const [isOpen, setOpen] = useState(location.hash === "#reference");
  const [shown, setShown] = useState<typeof import("./reference.tsx") | null>(null);
  useEffect(() => {
    if (isOpen) import("./reference.tsx").then(setShown);
  }, [isOpen]);
  return (
    <section id="reference" class="block">
      <h2>{t("product.reference")}</h2>
      {!isOpen && (
        <Button icon="arrow" onClick={() => setOpen(true)}>
          {t("reference.open")}
        </Button>
      )}
      {isOpen && (shown ? <shown.ApiReference product={product} /> : <Skeleton />)}
    </section>
  );
}
