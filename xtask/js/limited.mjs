// Refuses what Cloudflare refuses and Miniflare does not: the operations of one event beyond so many.
//
// Invariant: whatever a Worker asks of its KV namespaces and Durable Objects counts, by the event that it handles. The operation
// after the last throws, as it does on Cloudflare. What asks nothing of them, such as naming an object, does not count.

/** What goes over the network, of a KV namespace and of the stub of an object. */
const OPERATIONS = new Set(["get", "getWithMetadata", "put", "delete", "list", "fetch"]);

/** `worker`, which may ask for `most` operations to handle an event. */
export function limited(worker, most) {
  const handler = (handle) => (event, env, context) => handle(event, counted(env, { left: most }), context);
  return Object.fromEntries(Object.entries(worker).map(([name, handle]) => [name, handler(handle)]));
}

function counted(env, budget) {
  const binding = (value) => (typeof value === "object" && value !== null ? countedBinding(value, budget) : value);
  return new Proxy(env, { get: (target, name) => binding(target[name]) });
}

function countedBinding(binding, budget) {
  const isNamespace = binding.constructor.name === "DurableObjectNamespace";
  return new Proxy(binding, {
    get(target, name) {
      const value = target[name];
      if (typeof value !== "function" || name === "constructor") return value;
      return (...values) => {
        if (!isNamespace && OPERATIONS.has(name) && budget.left-- <= 0) {
          throw new Error("Too many API requests by single worker invocation.");
        }
        const result = value.apply(target, values);
        return isNamespace && name === "get" ? countedBinding(result, budget) : result;
      };
    },
  });
}
