// A gateway as somebody would write it by hand in an hour. It checks the same signature with WebCrypto, forwards, and writes one
// key per call. It knows one caller, has no routes, and never says no to a repeated nonce. Where it has `CREDITS` it takes each
// call off a counter there, as one would who has no other store.
const encoder = new TextEncoder();
let key;

export default {
  async fetch(request, env, ctx) {
    const url = new URL(request.url);
    const header = (name) => request.headers.get(name) ?? "";
    const lines = [request.method, header("accept"), header("content-md5"), header("content-type"), header("date")];
    for (const name of header("x-ca-signature-headers").split(",")) lines.push(`${name}:${header(name)}`);
    const fields = [...url.searchParams].sort(([a], [b]) => (a < b ? -1 : 1));
    const query = fields.map(([name, value]) => (value === "" ? name : `${name}=${value}`)).join("&");
    lines.push(query === "" ? url.pathname : `${url.pathname}?${query}`);

    const algorithm = { name: "HMAC", hash: "SHA-256" };
    key ??= await crypto.subtle.importKey("raw", encoder.encode(env.SECRET), algorithm, false, ["verify"]);
    const signature = Uint8Array.from(atob(header("x-ca-signature")), (byte) => byte.charCodeAt(0));
    const valid = await crypto.subtle.verify("HMAC", key, signature, encoder.encode(lines.join("\n")));
    if (!valid) return new Response("Invalid Signature", { status: 400 });

    if (env.CREDITS !== undefined) {
      const left = Number(await env.CREDITS.get(header("x-ca-key")));
      if (left <= 0) return new Response("Payment Required", { status: 402 });
      await env.CREDITS.put(header("x-ca-key"), String(left - 1));
    }
    const response = await fetch(env.ORIGIN + url.pathname + url.search, request);
    const usage = { caller: header("x-ca-key"), bytes: response.headers.get("content-length") };
    ctx.waitUntil(env.USAGE.put(`${Date.now()}-${crypto.randomUUID()}`, JSON.stringify(usage)));
    return response;
  },
};
