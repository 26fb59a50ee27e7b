// Whether a key still opens the gateway.

import type { Credential } from "../kit/types.ts";

/** Where a key stands. */
export function standing(key: Pick<Credential, "revoked" | "expires">, now: number): "active" | "revoked" | "expired" {
  if (key.revoked !== null) return "revoked";
  return key.expires !== null && Date.parse(key.expires) <= now ? "expired" : "active";
}
