// Which grants still pay, and in which order they are shown.

import type { Grant } from "../kit/types.ts";

/** Grants that still pay, those that end first before the others. */
export function running(grants: Grant[], now: number): Grant[] {
  const isRunning = (grant: Grant) => grant.remaining > 0 && (grant.until === null || Date.parse(grant.until) > now);
  const end = (grant: Grant) => (grant.until === null ? Number.POSITIVE_INFINITY : Date.parse(grant.until));
  return grants.filter(isRunning).sort((one, other) => end(one) - end(other) || Number(one.id) - Number(other.id));
}
