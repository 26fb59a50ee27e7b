// The portal's entry: signed in or not, and what a person of an account sees.

import "../styles/all.css";
import { render } from "preact";
import { begin } from "../kit/language.ts";
import { apply } from "../kit/theme.ts";
import { Portal } from "./portal.tsx";

apply();
await begin();
const page = document.getElementById("page");
if (page) {
  page.replaceChildren();
  render(<Portal />, page);
}
