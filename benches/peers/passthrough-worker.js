// The entry that the worker crate's own build tool would write, less its proxies around every call: this peer is given
// the benefit of the doubt.
import * as bindings from "./build/bindings.js";
import wasm from "./build/bindings_bg.wasm";

bindings.initSync({ module: wasm });

export default { fetch: bindings.fetch };
