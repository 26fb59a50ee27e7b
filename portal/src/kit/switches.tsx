// The switches that every page has: language and theme.

import { Icon } from "./icon.tsx";
import { LANGUAGES, language, choose as speak, t } from "./language.ts";
import { useSignal } from "./signal.ts";
import { choose, type Theme, theme } from "./theme.ts";

const NEXT: Record<Theme, Theme> = { system: "light", light: "dark", dark: "system" };
const ICONS = { system: "system", light: "sun", dark: "moon" } as const;

export function Switches() {
  const chosen = useSignal(theme);
  const spoken = useSignal(language);
  const other = LANGUAGES.find((one) => one.value !== spoken) ?? { value: "en" as const, text: "English" };
  const names = { system: t("theme.system"), light: t("theme.light"), dark: t("theme.dark") };
  return (
    <div class="switches">
      <button type="button" class="button quiet" lang={other.value} onClick={() => void speak(other.value)}>
        {other.text}
      </button>
      <button
        type="button"
        class="button quiet"
        aria-label={t("theme.switch", { now: names[chosen] })}
        title={names[chosen]}
        onClick={() => choose(NEXT[chosen])}
      >
        <Icon name={ICONS[chosen]} />
      </button>
    </div>
  );
}
