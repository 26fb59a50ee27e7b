// The billing Worker's shell: hands the runtime's events to `workers.rs` and exports the account object.

import { AccountObject, fetch, initSync, scheduled } from "./bindings.js";
import module from "./bindings_bg.wasm";

initSync({ module });

export { AccountObject };
export default { fetch, scheduled };
