// The storefront's entry: what a stranger sees.

import "../styles/all.css";
import { render } from "preact";
import { begin } from "../kit/language.ts";
import { apply } from "../kit/theme.ts";
import { Shop } from "./storefront.tsx";

apply();
await begin();
const page = document.getElementById("page");
if (page) {
  page.replaceChildren();
  render(<Shop path={location.pathname} />, page);
}
