// Makes a key and reads a balance with the clients that npm's `openapi-typescript` and `openapi-fetch` make of both APIs'
// descriptions. The scenario puts what was generated beside this, and lets the compiler check it before it runs.
//
// In, as JSON on standard input: {gateway, token, email}. Out: {admin: {key, balance}, customer: {key, balance, by_key}}.

import createClient, { type Middleware } from "openapi-fetch";
import type { paths as AdminPaths } from "./admin.ts";
import type { paths as CustomerPaths } from "./customer.ts";

let text = "";
for await (const chunk of process.stdin) text += chunk;
const given = JSON.parse(text) as { gateway: string; token: string; email: string };

/** What a call gave, or its problem's code as the error. */
function done<T>(answer: { data?: T; error?: { code: string; detail: string } }): T {
  if (answer.data === undefined) throw new Error(`${answer.error?.code}: ${answer.error?.detail}`);
  return answer.data;
}

async function asProvider() {
  const headers = { authorization: `Bearer ${given.token}` };
  const api = createClient<AdminPaths>({ baseUrl: `${given.gateway}/_farebox/admin/v1`, headers });
  const account = done(await api.POST("/accounts", { body: { name: "Generated" } }));
  const path = { id: account.id };
  const header = { "Idempotency-Key": `generated-${account.id}` };
  const made = done(await api.POST("/accounts/{id}/credentials", { params: { path, header }, body: { name: "ts" } }));
  done(await api.POST("/accounts/{id}/recharges", { params: { path, header }, body: { amount: "2.50", currency: "USD" } }));
  const shown = done(await api.GET("/accounts/{id}/balance", { params: { path } }));
  // @ts-expect-error: the compiler knows what a balance has, and this is none of it.
  void shown.blance;
  return { key: made.api_key, balance: shown.balance };
}

/** What a browser does by itself: it keeps cookies, and says where its page is of. */
function browser(): Middleware {
  const cookies = new Map<string, string>();
  return {
    onRequest({ request }) {
      request.headers.set("origin", given.gateway);
      request.headers.set("cookie", [...cookies].map(([name, value]) => `${name}=${value}`).join("; "));
    },
    onResponse({ response }) {
      for (const set of response.headers.getSetCookie()) {
        const [, name, value] = /^([^=]+)=([^;]*)/.exec(set) ?? [];
        if (name) cookies.set(name, value ?? "");
      }
    },
  };
}

async function asCustomer() {
  const baseUrl = `${given.gateway}/_farebox/v1`;
  const api = createClient<CustomerPaths>({ baseUrl });
  api.use(browser());
  done(await api.POST("/sign-ins", { body: { email: given.email } }));
  const letters = done(await api.GET("/dev/mailbox"));
  const code = letters.items.find(({ to }) => to === given.email)?.text.match(/^\d{6}$/m)?.[0];
  const { accounts } = done(await api.POST("/sign-ins/finish", { body: { code } }));
  const path = { id: accounts[0]?.id ?? "" };
  const made = done(await api.POST("/accounts/{id}/credentials", { params: { path }, body: { name: "ts" } }));
  const shown = done(await api.GET("/accounts/{id}/balance", { params: { path } }));
  const byKey = createClient<CustomerPaths>({ baseUrl, headers: { authorization: `Bearer ${made.api_key}` } });
  const own = done(await byKey.GET("/accounts/{id}/balance", { params: { path: { id: "mine" } } }));
  return { key: made.api_key, balance: shown.balance, by_key: own.balance };
}

process.stdout.write(JSON.stringify({ admin: await asProvider(), customer: await asCustomer() }));
