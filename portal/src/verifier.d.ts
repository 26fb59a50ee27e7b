// What `wasm-bindgen` makes of `portal/verifier`, which is built before the pages.

declare module "*/verifier/build/bindings.js" {
  export default function init(given: { module_or_path: string }): Promise<unknown>;
  export function verify(text: string): string;
}
