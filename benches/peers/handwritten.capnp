# The gateway by hand with a counter of paid calls: two key-value namespaces that the rig serves.
using Workerd = import "/workerd/workerd.capnp";

const config :Workerd.Config = (
  services = [
    (name = "peer", worker = .peer),
    (name = "usage", external = (http = ())),
    (name = "credits", external = (http = ())),
    (name = "internet", network = (allow = ["local"])),
  ],
  sockets = [(name = "http", address = "127.0.0.1:0", http = (), service = "peer")],
);

const peer :Workerd.Worker = (
  modules = [(name = "handwritten.js", esModule = embed "handwritten.js")],
  compatibilityDate = "2026-10-01",
  bindings = [
    (name = "ORIGIN", fromEnvironment = "ORIGIN"),
    (name = "SECRET", fromEnvironment = "SECRET"),
    (name = "USAGE", kvNamespace = "usage"),
    (name = "CREDITS", kvNamespace = "credits"),
  ],
);
