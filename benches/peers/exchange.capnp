# The Worker by hand that exchanges the same fields and decides nothing.
using Workerd = import "/workerd/workerd.capnp";

const config :Workerd.Config = (
  services = [
    (name = "peer", worker = .peer),
    (name = "internet", network = (allow = ["local"])),
  ],
  sockets = [(name = "http", address = "127.0.0.1:0", http = (), service = "peer")],
);

const peer :Workerd.Worker = (
  modules = [(name = "exchange.js", esModule = embed "exchange.js")],
  compatibilityDate = "2026-10-01",
  bindings = [(name = "ORIGIN", fromEnvironment = "ORIGIN")],
);
