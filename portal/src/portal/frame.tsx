// The portal's frame: where one is, whose account it is, and the way to all pages.

import type { ComponentChildren } from "preact";
import { Brand } from "../kit/brand.tsx";
import { Choice } from "../kit/controls.tsx";
import { Icon, type IconName } from "../kit/icon.tsx";
import { t } from "../kit/language.ts";
import { Link } from "../kit/path.tsx";
import { Switches } from "../kit/switches.tsx";
import type { Me, Storefront } from "../kit/types.ts";

interface Place {
  page: string;
  icon: IconName;
  text: string;
}

/** Pages of the portal. Every member may see all of them; what one may not change, the page does not offer and the API refuses. */
function places(): Place[] {
  return [
    { page: "", icon: "overview", text: t("nav.overview") },
    { page: "usage", icon: "usage", text: t("nav.usage") },
    { page: "keys", icon: "keys", text: t("nav.keys") },
    { page: "offers", icon: "offers", text: t("nav.offers") },
    { page: "statements", icon: "statements", text: t("nav.statements") },
    { page: "notices", icon: "notices", text: t("nav.notices") },
    { page: "members", icon: "members", text: t("nav.members") },
    { page: "settings", icon: "settings", text: t("nav.settings") },
  ];
}

interface Props {
  me: Me;
  storefront: Storefront | null;
  page: string;
  account: string;
  choose: (id: string) => void;
  left: () => void;
  children: ComponentChildren;
}

export function Frame(props: Props) {
  const { me, page } = props;
  return (
    <div class="portal">
      <a class="skip" href="#main">
        {t("action.skip")}
      </a>
      <header class="side">
        <div class="side-top">
          <Brand of={props.storefront} href="/_farebox/" />
          <Switches />
        </div>
        {me.accounts.length > 1 && (
          <Choice
            label={t("nav.account")}
            value={props.account}
            options={me.accounts.map((one) => ({ value: one.id, text: one.name }))}
            onValue={props.choose}
          />
        )}
        <nav class="places" aria-label={t("nav.main")}>
          {places().map((place) => (
            <Link key={place.page} to={place.page} current={place.page === page}>
              <Icon name={place.icon} />
              <span>{place.text}</span>
            </Link>
          ))}
        </nav>
        <p class="side-foot">{me.person.email}</p>
      </header>
      <main id="main" tabIndex={-1}>
        {props.children}
      </main>
    </div>
  );
}

/** A page's head: its title, what it is for, and what one does first. */
export function Head(props: { title: string; lead?: string; children?: ComponentChildren }) {
  return (
    <header class="page-head">
      <div>
        <h1>{props.title}</h1>
        {props.lead && <p class="lead">{props.lead}</p>}
      </div>
      {props.children && <div class="page-actions">{props.children}</div>}
    </header>
  );
}
