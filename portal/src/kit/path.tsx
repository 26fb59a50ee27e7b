// Where in the portal a person is: the address's path, changed without loading the page again.

import type { ComponentChildren } from "preact";
import { useEffect } from "preact/hooks";
import { signal, useSignal } from "./signal.ts";

export const BASE = "/_farebox/portal/";

const path = signal(here());

function here(): string {
  const { pathname } = globalThis.location ?? { pathname: BASE };
  return pathname.startsWith(BASE) ? pathname.slice(BASE.length) : "";
}

/** The path below the portal, without a slash before or behind. */
export function usePath(): string {
  useEffect(() => {
    const read = () => path.set(here());
    addEventListener("popstate", read);
    return () => removeEventListener("popstate", read);
  }, []);
  return useSignal(path).replace(/\/$/, "");
}

/** Goes elsewhere in the portal. The page's main part gets the focus, as after a page was loaded. */
export function go(to: string): void {
  history.pushState(null, "", BASE + to);
  path.set(to);
  scrollTo(0, 0);
  document.getElementById("main")?.focus();
}

/** A link within the portal. */
export function Link(props: { to: string; class?: string; current?: boolean; children: ComponentChildren }) {
  return (
    <a
      href={BASE + props.to}
      class={props.class}
      aria-current={props.current ? "page" : undefined}
      onClick={(event) => {
        if (event.ctrlKey || event.metaKey || event.shiftKey || event.button !== 0) return;
        event.preventDefault();
        go(props.to);
      }}
    >
      {props.children}
    </a>
  );
}
