// An OpenAPI 3 document (https://spec.openapis.org/oas/v3.1.0) as the list of operations that a reference page shows.
//
// Invariant: a reference that leads nowhere, or around, ends as "no schema"; nothing of the document is run.

export interface Parameter {
  name: string;
  in: string;
  required: boolean;
  type: string;
  description: string;
  example: string;
}

export interface Operation {
  id: string;
  method: string;
  path: string;
  summary: string;
  description: string;
  parameters: Parameter[];
  /** An example of the body, as JSON; empty for none. */
  body: string;
  responses: { status: string; description: string; example: string }[];
}

type Node = Record<string, unknown>;

const METHODS = ["get", "put", "post", "delete", "options", "head", "patch", "trace"];

/** How deep an example goes. */
const DEPTH = 6;

/** The path that stands before those of the document, by its first server; the gateway says it. */
export function basePath(document: unknown): string {
  const [server] = array(node(document).servers);
  const url = text(node(server).url);
  return url.startsWith("/") && !url.startsWith("//") ? url.replace(/\/+$/, "") : "";
}

/** Fields that a form does not set: OpenAPI 3.1, section 4.8.12.1, and what is the browser's own. */
const NOT_SET = ["accept", "content-type", "authorization", "cookie"];

/** Where and with which fields an operation is called with these values; `base` stands before its path. */
export function target(operation: Operation, values: Record<string, string>, base: string) {
  const headers: Record<string, string> = {};
  const query = new URLSearchParams();
  for (const one of operation.parameters) {
    const value = values[one.name];
    if (!value) continue;
    if (one.in === "query") query.append(one.name, value);
    if (one.in === "header" && !NOT_SET.includes(one.name.toLowerCase())) headers[one.name] = value;
  }
  const path = operation.path.replace(/\{([^}]+)\}/g, (_, name: string) => encodeURIComponent(values[name] ?? ""));
  const asked = query.size > 0 ? `?${query}` : "";
  return { path: `${base}${path}${asked}`, headers };
}

/** Operations in the order of the document. */
export function operations(document: unknown): Operation[] {
  const root = node(document);
  return Object.entries(node(root.paths)).flatMap(([path, item]) => {
    const shared = node(follow(root, item));
    return METHODS.filter((method) => method in shared).map((method) => operation(root, path, method, shared));
  });
}

function operation(root: Node, path: string, method: string, item: Node): Operation {
  const own = node(item[method]);
  const all = [...array(item.parameters), ...array(own.parameters)].map((one) => node(follow(root, one)));
  const body = node(follow(root, own.requestBody));
  return {
    id: `${method}-${path}`.replace(/[^a-z0-9]+/gi, "-"),
    method: method.toUpperCase(),
    path,
    summary: text(own.summary) || text(own.operationId) || path,
    description: text(own.description),
    // Without cookies: no page can set them for another place.
    parameters: all.map((one) => parameter(root, one)).filter((one) => one.in !== "cookie"),
    body: contentExample(root, body.content),
    responses: Object.entries(node(own.responses)).map(([status, response]) => {
      const found = node(follow(root, response));
      return { status, description: text(found.description), example: contentExample(root, found.content) };
    }),
  };
}

function parameter(root: Node, given: Node): Parameter {
  const schema = node(follow(root, given.schema));
  const example = given.example ?? schema.example ?? schema.default;
  return {
    name: text(given.name),
    in: text(given.in),
    required: given.required === true || given.in === "path",
    type: [text(schema.type), text(schema.format)].filter(Boolean).join(", "),
    description: text(given.description) || text(schema.description),
    example: example === undefined ? "" : String(example),
  };
}

function contentExample(root: Node, content: unknown): string {
  const media = Object.entries(node(content)).find(([type]) => type.includes("json"));
  if (!media) return "";
  const { example, schema } = node(media[1]);
  const value = example ?? exampleOf(root, schema, DEPTH);
  return value === undefined ? "" : JSON.stringify(value, null, 2);
}

/** A value that fits a schema: its own example, else one made of its parts. */
function exampleOf(root: Node, given: unknown, depth: number): unknown {
  const schema = node(follow(root, given));
  if (schema.example !== undefined) return schema.example;
  if (schema.default !== undefined) return schema.default;
  const [first] = array(schema.enum);
  if (first !== undefined) return first;
  if (depth === 0) return undefined;
  const [part] = [...array(schema.oneOf), ...array(schema.anyOf)];
  if (part !== undefined) return exampleOf(root, part, depth - 1);
  const parts = array(schema.allOf).map((one) => exampleOf(root, one, depth - 1));
  if (schema.type === "array") return [exampleOf(root, schema.items, depth - 1)].filter((one) => one !== undefined);
  if (schema.type === "object" || schema.properties || parts.length > 0) {
    const own = Object.entries(node(schema.properties)).map(([name, one]) => [name, exampleOf(root, one, depth - 1)]);
    return Object.assign({}, ...parts.map(node), Object.fromEntries(own));
  }
  const plain: Record<string, unknown> = { string: "text", integer: 1, number: 1.5, boolean: true };
  return plain[text(Array.isArray(schema.type) ? schema.type[0] : schema.type)];
}

/** Follows `$ref`s within the document. */
function follow(root: Node, given: unknown): unknown {
  let found = given;
  for (let steps = 0; steps < DEPTH; steps += 1) {
    const reference = node(found).$ref;
    if (typeof reference !== "string") return found;
    if (!reference.startsWith("#/")) return undefined;
    const names = reference.slice(2).split("/");
    found = names.reduce<unknown>((at, name) => node(at)[name.replace(/~1/g, "/").replace(/~0/g, "~")], root);
  }
  return undefined;
}

function node(value: unknown): Node {
  return typeof value === "object" && value !== null ? (value as Node) : {};
}

function array(value: unknown): unknown[] {
  return Array.isArray(value) ? value : [];
}

function text(value: unknown): string {
  return typeof value === "string" ? value : "";
}
