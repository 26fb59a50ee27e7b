// Packs what Vite built, once and for good: beside each file its gzip and Brotli form, where those are smaller. Holds both first
// pages to their budget.

import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { extname, join } from "node:path";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";

const DIST = join(import.meta.dirname, "../dist");

/** What the first view of a page may weigh, gzipped, in bytes: DESIGN.md, section 8. */
const FIRST_PAGE = 150 * 1024;

/** What compresses no further. */
const PACKED = new Set([".woff2", ".png", ".gz", ".br"]);

/** Puts the packed forms of a file beside it, those that are smaller. */
function pack(path: string): void {
  if (PACKED.has(extname(path))) return;
  const content = readFileSync(join(DIST, path));
  const params = { [constants.BROTLI_PARAM_QUALITY]: constants.BROTLI_MAX_QUALITY };
  const forms = { br: brotliCompressSync(content, { params }), gz: gzipSync(content, { level: 9 }) };
  for (const [name, form] of Object.entries(forms)) {
    if (form.length < content.length) writeFileSync(join(DIST, `${path}.${name}`), form);
  }
}

/** All that a document loads before it can be read: its scripts, what they import at once, its styles, and the font. */
function firstPage(document: string): number {
  const html = readFileSync(join(DIST, document), "utf8");
  const wanted = new Set([...html.matchAll(/(?:src|href)="\/_farebox\/([^"]+)"/g)].map(([, path]) => path ?? ""));
  for (const path of wanted) {
    if (!path.endsWith(".css")) continue;
    const styles = readFileSync(join(DIST, path), "utf8");
    const latin = [...styles.matchAll(/url\(([^)]*latin-wght-normal[^)]*)\)/g)];
    for (const [, url] of latin) wanted.add((url ?? "").replace("/_farebox/", ""));
  }
  const size = (path: string) => {
    const content = readFileSync(join(DIST, path));
    return PACKED.has(extname(path)) ? content.length : gzipSync(content, { level: 9 }).length;
  };
  return [document, ...wanted].reduce((sum, path) => sum + size(path), 0);
}

const files = readdirSync(DIST, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
for (const { parentPath, name } of files) pack(join(parentPath, name).slice(DIST.length + 1));
for (const document of ["storefront.html", "portal.html"]) {
  const size = firstPage(document);
  console.log(`${document}: first page ${(size / 1024).toFixed(1)} KiB gzipped`);
  if (size > FIRST_PAGE) throw new Error(`${document} may load ${FIRST_PAGE / 1024} KiB`);
}
