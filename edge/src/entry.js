// The edge Worker's entry: gives the handler its module. Invariant: nothing of the module runs before the first request, as
// only a request has randomness.

import * as bindings from "./bindings.js";
import module from "./bindings_bg.wasm";
import { handler } from "./handler.js";

export default handler(bindings, module);
