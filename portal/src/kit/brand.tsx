// Who sells here: the provider's logo and name, as the catalog says.

import type { Storefront } from "./types.ts";

export function Brand(props: { of: Storefront | null; href: string }) {
  return (
    <a class="brand" href={props.href}>
      {props.of?.logo ? <img src={props.of.logo} alt="" width="28" height="28" /> : <Ticket />}
      <span>{props.of?.name ?? " "}</span>
    </a>
  );
}

/** The mark of who has no logo. */
function Ticket() {
  return (
    <svg class="ticket-mark" viewBox="0 0 32 32" aria-hidden="true" focusable="false">
      <path d="M4 7h24v6a3 3 0 0 0 0 6v6H4v-6a3 3 0 0 0 0-6z" />
      <path class="ticket-fold" d="M20 8v16" />
    </svg>
  );
}
