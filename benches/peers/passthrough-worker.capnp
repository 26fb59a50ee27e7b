# The pass-through on the worker crate. `cargo xtask bench` puts the modules into build/.
using Workerd = import "/workerd/workerd.capnp";

const config :Workerd.Config = (
  services = [
    (name = "peer", worker = .peer),
    (name = "internet", network = (allow = ["local"])),
  ],
  sockets = [(name = "http", address = "127.0.0.1:0", http = (), service = "peer")],
);

const peer :Workerd.Worker = (
  modules = [
    (name = "passthrough-worker.js", esModule = embed "build/passthrough-worker.js"),
    (name = "index_bg.wasm", wasm = embed "build/index_bg.wasm"),
  ],
  compatibilityDate = "2026-10-01",
  bindings = [(name = "ORIGIN", fromEnvironment = "ORIGIN")],
);
