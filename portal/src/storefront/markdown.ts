// The provider's Markdown as safe HTML.
//
// Invariant: what comes out has no script, no style, no form and no image of another host. Its only addresses are http, https,
// mailto and places on this page.

import DOMPurify from "dompurify";
import { marked } from "marked";

const ALLOWED = {
  ALLOWED_TAGS: [
    ..."h2 h3 h4 h5 p a ul ol li strong em del code pre blockquote hr br".split(" "),
    ..."table thead tbody tr th td img".split(" "),
  ],
  ALLOWED_ATTR: ["href", "title", "alt", "src", "align", "start"],
  ALLOWED_URI_REGEXP: /^(?:https?:|mailto:|#|\/)/i,
};

/** Whether an image is served by this host or comes with the text. */
function isOurs(source: string): boolean {
  return source.startsWith("data:image/") || (source.startsWith("/") && !source.startsWith("//"));
}

export function clean(text: string): string {
  const parsed = marked.parse(text, { async: false, gfm: true });
  const fragment = DOMPurify.sanitize(parsed, { ...ALLOWED, RETURN_DOM_FRAGMENT: true });
  for (const image of fragment.querySelectorAll("img")) {
    if (!isOurs(image.getAttribute("src") ?? "")) image.remove();
  }
  for (const link of fragment.querySelectorAll("a")) link.rel = "noopener nofollow";
  const holder = document.createElement("div");
  holder.append(fragment);
  return holder.innerHTML;
}
