// An issuer of OpenID Connect on this machine: npm's `oidc-provider`, whose own pages ask who signs in and whether they agree.
//
// In, as JSON on the first line: {port, redirect: the client's, alg: of ID tokens}. Out: a line once it listens. It ends with its
// standard input. Who signs in is whoever they say; an address that begins with "unproven" is one that it has not proved.

import { generateKeyPairSync } from "node:crypto";
import { createInterface } from "node:readline";
import Provider from "oidc-provider";

// Its warnings and notices: standard output is for the line alone, and may be closed once that is read.
console.info = console.warn = console.error;

const lines = createInterface({ input: process.stdin });
lines.once("close", () => process.exit());
const { port, redirect, alg } = JSON.parse(await new Promise((given) => lines.once("line", given)));

const made = alg === "ES256" ? ["ec", { namedCurve: "P-256" }] : ["rsa", { modulusLength: 2048 }];
const jwk = generateKeyPairSync(...made).privateKey.export({ format: "jwk" });
const client = { client_id: "farebox", client_secret: "development", redirect_uris: [redirect] };
const provider = new Provider(`http://127.0.0.1:${port}`, {
  clients: [{ ...client, id_token_signed_response_alg: alg }],
  jwks: { keys: [{ ...jwk, use: "sig", alg, kid: alg }] },
  claims: { openid: ["sub"], email: ["email", "email_verified"] },
  cookies: { keys: ["of an issuer that lasts as long as a test"] },
  pkce: { required: () => true },
  findAccount: (_, id) => ({
    accountId: id,
    claims: () => ({ sub: id, email: id, email_verified: !id.startsWith("unproven") }),
  }),
});
provider.listen(port, "127.0.0.1", () => process.stdout.write("listening\n"));
