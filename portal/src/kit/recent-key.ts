// The key that this tab made last, so that programs to copy can be shown with it.
//
// A key is shown once and no server can show it again. Kept for this tab only and gone with it, or with the session.

import type { NewCredential } from "./types.ts";

const KEPT_AS = "farebox-new-key";

export function keep(made: NewCredential): void {
  sessionStorage.setItem(KEPT_AS, JSON.stringify(made));
}

export function kept(): NewCredential | null {
  const text = sessionStorage.getItem(KEPT_AS);
  return text === null ? null : (JSON.parse(text) as NewCredential);
}

export function forget(): void {
  sessionStorage.removeItem(KEPT_AS);
}
