# Farebox as it is deployed: the edge Worker, the billing worker with the account objects, and two key-value namespaces
# that the rig serves. The scripts are bundled by `cargo xtask bench`, as wrangler bundles them.
using Workerd = import "/workerd/workerd.capnp";

const config :Workerd.Config = (
  services = [
    (name = "peer", worker = .edge),
    (name = "billing", worker = .billing),
    (name = "config", external = (http = ())),
    (name = "usage", external = (http = ())),
    (name = "accounts", disk = (writable = true)),
    (name = "internet", network = (allow = ["local"])),
  ],
  sockets = [(name = "http", address = "127.0.0.1:0", http = (), service = "peer")],
);

const edge :Workerd.Worker = (
  modules = [
    (name = "entry.js", esModule = embed "build/edge.js"),
    (name = "bindings_bg.wasm", wasm = embed "../../edge/build/bindings_bg.wasm"),
  ],
  compatibilityDate = "2026-10-01",
  compatibilityFlags = ["enable_request_signal"],
  bindings = [
    (name = "CONFIG", kvNamespace = "config"),
    (name = "USAGE", kvNamespace = "usage"),
    (name = "ACCOUNTS", durableObjectNamespace = (className = "AccountObject", serviceName = "billing")),
    (name = "BILLING", service = "billing"),
    (name = "MASTER_KEY", fromEnvironment = "MASTER_KEY"),
    (name = "FLUSH_SECONDS", text = "5"),
  ],
);

const billing :Workerd.Worker = (
  modules = [
    (name = "entry.js", esModule = embed "build/billing.js"),
    (name = "bindings_bg.wasm", wasm = embed "../../billing-worker/build/bindings_bg.wasm"),
  ],
  compatibilityDate = "2026-10-01",
  bindings = [
    (name = "CONFIG", kvNamespace = "config"),
    (name = "USAGE", kvNamespace = "usage"),
    (name = "ACCOUNTS", durableObjectNamespace = "AccountObject"),
    (name = "MASTER_KEY", fromEnvironment = "MASTER_KEY"),
    (name = "ADMIN_TOKEN", fromEnvironment = "ADMIN_TOKEN"),
    (name = "LOCAL_HOSTS", text = "127.0.0.1"),
  ],
  durableObjectNamespaces = [(className = "AccountObject", uniqueKey = "accounts", enableSql = true)],
  durableObjectStorage = (localDisk = "accounts"),
);
