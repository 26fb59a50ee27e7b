// Which products a search finds.

import type { ProductSummary } from "../kit/types.ts";

/** Whether each wanted word is somewhere on the product. */
export function matches(product: ProductSummary, wanted: string): boolean {
  const text = [product.name, product.id, product.summary ?? "", ...(product.tags ?? [])].join(" ").toLowerCase();
  return wanted
    .toLowerCase()
    .split(/\s+/)
    .every((word) => text.includes(word));
}
