// A gateway by hand on Hono, as its documentation would have one. A middleware checks the same signature with WebCrypto, a proxy
// forwards, and each call writes one key.
import { Hono } from "hono";
import { proxy } from "hono/proxy";

const encoder = new TextEncoder();
const algorithm = { name: "HMAC", hash: "SHA-256" };
let key;

const app = new Hono();

app.use(async (context, next) => {
  const { req, env } = context;
  const lines = [req.method, ...["accept", "content-md5", "content-type", "date"].map((name) => req.header(name) ?? "")];
  for (const name of (req.header("x-ca-signature-headers") ?? "").split(",")) lines.push(`${name}:${req.header(name) ?? ""}`);
  const query = Object.entries(req.query()).sort(([a], [b]) => (a < b ? -1 : 1));
  const fields = query.map(([name, value]) => (value === "" ? name : `${name}=${value}`)).join("&");
  lines.push(fields === "" ? req.path : `${req.path}?${fields}`);
  key ??= await crypto.subtle.importKey("raw", encoder.encode(env.SECRET), algorithm, false, ["verify"]);
  const signature = Uint8Array.from(atob(req.header("x-ca-signature") ?? ""), (byte) => byte.charCodeAt(0));
  const valid = await crypto.subtle.verify("HMAC", key, signature, encoder.encode(lines.join("\n")));
  if (!valid) return context.text("Invalid Signature", 400);
  await next();
});

app.all("*", async (context) => {
  const { req, env } = context;
  const response = await proxy(env.ORIGIN + req.url.slice(req.url.indexOf("/", 8)), context.req.raw);
  const usage = { caller: req.header("x-ca-key"), bytes: response.headers.get("content-length") };
  context.executionCtx.waitUntil(env.USAGE.put(`${Date.now()}-${crypto.randomUUID()}`, JSON.stringify(usage)));
  return response;
});

export default app;
