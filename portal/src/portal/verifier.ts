// The verifier of statements: `core` itself, compiled to WebAssembly, so that no second code says what a book's bytes are.
//
// Invariant: what is checked is the text as it came; nothing is asked of a server once the module is loaded.

export type Verdict = { holds: true; entries: number; head: string } | { holds: false; why: string };

export type Verifier = (text: string) => Verdict;

/** Loads the module. */
export async function load(): Promise<Verifier> {
  const [{ default: init, verify }, { default: module }] = await Promise.all([
    import("../../verifier/build/bindings.js"),
    import("../../verifier/build/bindings_bg.wasm?url"),
  ]);
  await init({ module_or_path: module });
  return (text) => JSON.parse(verify(text)) as Verdict;
}
