// How the pages are built: two documents, each with its own scripts, every asset named by its content.
//
// Invariant: nothing is inlined into a document, because the pages' Content-Security-Policy has no `unsafe-inline`.

import { defineConfig } from "vite";

export default defineConfig({
  base: "/_farebox/",
  build: {
    outDir: "dist",
    target: "es2022",
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    rollupOptions: { input: ["storefront.html", "portal.html"] },
  },
});
