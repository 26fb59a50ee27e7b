// The events of a book that move money, by the ledger's own names.

export const EVENTS = [
  "opened",
  "recharged",
  "purchased",
  "settled",
  "grant_expired",
  "refunded",
  "adjusted",
  "subscribed",
  "renewed",
  "subscription_ended",
  "plan_changed",
  "usage_sealed",
] as const;

export type EventName = (typeof EVENTS)[number];

export function isEvent(name: string): name is EventName {
  return (EVENTS as readonly string[]).includes(name);
}
