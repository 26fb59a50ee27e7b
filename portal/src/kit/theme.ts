// Dark or light: what the person chose, else what the system says.

import { type Signal, signal } from "./signal.ts";

export type Theme = "system" | "light" | "dark";

const KEPT_AS = "farebox-theme";

/** What the person chose. */
export const theme: Signal<Theme> = signal<Theme>(kept());

function kept(): Theme {
  const found = globalThis.localStorage?.getItem(KEPT_AS);
  return found === "light" || found === "dark" ? found : "system";
}

/** Chooses, and keeps the choice. */
export function choose(next: Theme): void {
  localStorage.setItem(KEPT_AS, next);
  theme.set(next);
  apply();
}

/** Puts the choice where the styles see it. */
export function apply(): void {
  const chosen = theme.get();
  const root = document.documentElement;
  if (chosen === "system") root.removeAttribute("data-theme");
  else root.setAttribute("data-theme", chosen);
}

/** The provider's colour, where it is one: the styles derive all accents from it. */
export function tint(colour: string | null | undefined): void {
  if (colour && /^#[0-9a-f]{6}$/i.test(colour)) document.documentElement.style.setProperty("--brand", colour);
}
