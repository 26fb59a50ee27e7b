// The reference of a product's API, from its OpenAPI document, with a form to try each operation.
//
// Drawn here: the libraries for it (@scalar/api-reference, redoc, rapidoc) put style elements and attributes into the page,
// which our Content-Security-Policy refuses.

import { useState } from "preact/hooks";
import { get } from "../kit/api.ts";
import { Button, Field } from "../kit/controls.tsx";
import { t } from "../kit/language.ts";
import { kept } from "../kit/recent-key.ts";
import { Empty, Loaded, useRemote } from "../kit/remote.tsx";
import type { Product, Scheme } from "../kit/types.ts";
import { Code } from "./how-to-call.tsx";
import { basePath, type Operation, operations, target } from "./openapi.ts";

export function ApiReference({ product }: { product: Product }) {
  const path = `products/${encodeURIComponent(product.id)}/openapi`;
  const [document, again] = useRemote(() => get<unknown>(path), [path]);
  return (
    <Loaded of={document} again={again}>
      {(value) => {
        const all = operations(value);
        if (all.length === 0) return <Empty title={t("reference.empty")} />;
        return (
          <div class="reference">
            {all.map((operation) => (
              <Shown key={operation.id} operation={operation} product={product} base={basePath(value)} />
            ))}
          </div>
        );
      }}
    </Loaded>
  );
}

interface ShownProps {
  operation: Operation;
  product: Product;
  /** The path before that of the operation. */
  base: string;
}

function Shown({ operation, product, base }: ShownProps) {
  return (
    <details class="operation">
      <summary>
        <span class={`method ${operation.method.toLowerCase()}`}>{operation.method}</span>
        <code>{operation.path}</code>
        <span class="operation-summary">{operation.summary}</span>
      </summary>
      {operation.description && <p>{operation.description}</p>}
      <Try operation={operation} product={product} base={base} />
      {operation.responses.map((response) => (
        <div key={response.status} class="response">
          <p>
            <strong>{response.status}</strong> {response.description}
          </p>
          {response.example && (
            <Code text={response.example} label={t("reference.answer", { status: response.status })} />
          )}
        </div>
      ))}
    </details>
  );
}

/** A form that makes the call from here, with a key that the customer gives it. */
function Try({ operation, product, base }: ShownProps) {
  const first = Object.fromEntries(operation.parameters.map((one) => [one.name, one.example]));
  const [values, setValues] = useState<Record<string, string>>(first);
  const [key, setKey] = useState(kept()?.api_key ?? "");
  const [body, setBody] = useState(operation.body);
  const [answer, setAnswer] = useState("");
  const [busy, setBusy] = useState(false);
  const takesKey = ["key", "appcode", "jwt"].some((scheme) => product.schemes.includes(scheme as Scheme));
  const send = async () => {
    setBusy(true);
    setAnswer(await call(product, operation, target(operation, values, base), key, body));
    setBusy(false);
  };
  return (
    <form
      class="try"
      onSubmit={(event) => {
        event.preventDefault();
        void send();
      }}
    >
      {operation.parameters.map((one) => (
        <Field
          key={`${one.in} ${one.name}`}
          label={`${one.name} (${one.in}${one.type && `, ${one.type}`})`}
          help={one.description}
          required={one.required}
          value={values[one.name] ?? ""}
          onValue={(value) => setValues({ ...values, [one.name]: value })}
        />
      ))}
      {operation.body && (
        <div class="field">
          <label for={`${operation.id}-body`}>{t("reference.body")}</label>
          <textarea
            id={`${operation.id}-body`}
            rows={6}
            value={body}
            onInput={(event) => setBody(event.currentTarget.value)}
          />
        </div>
      )}
      {takesKey ? (
        <>
          <Field label={t("reference.key")} value={key} autocomplete="off" onValue={setKey} />
          <Button type="submit" kind="main" busy={busy}>
            {t("reference.try")}
          </Button>
          <p class="muted">{t("reference.charged")}</p>
        </>
      ) : (
        <p class="muted">{t("reference.signed_only")}</p>
      )}
      <div aria-live="polite">{answer && <Code text={answer} label={t("reference.got")} />}</div>
    </form>
  );
}

async function call(
  product: Product,
  operation: Operation,
  { path, headers }: { path: string; headers: Record<string, string> },
  key: string,
  body: string,
): Promise<string> {
  const scheme = product.schemes.includes("key") || product.schemes.includes("jwt") ? "Bearer" : "APPCODE";
  const all: Record<string, string> = { ...headers, authorization: `${scheme} ${key}` };
  if (operation.body) all["content-type"] = "application/json";
  try {
    const request: RequestInit = { method: operation.method, headers: all, credentials: "omit" };
    if (operation.body) request.body = body;
    const answer = await fetch(new URL(path, product.base_url ?? location.origin), request);
    return `${answer.status} ${answer.statusText}\n\n${await answer.text()}`;
  } catch {
    return t("problem.unreachable");
  }
}
