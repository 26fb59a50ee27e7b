// Makes tokens with npm's `jose`, as an issuer does, hands out the keys, calls with each and prints what came back.
//
// In, as JSON on standard input: {url, keys: where the JWK set goes, issuer, audience, credential}.
// Out: {name: {status, code, leaked: whether the upstream saw the token}}.

import { SignJWT, UnsecuredJWT, exportJWK, exportSPKI, generateKeyPair } from "jose";

let text = "";
for await (const chunk of process.stdin) text += chunk;
const given = JSON.parse(text);
const now = Math.floor(Date.now() / 1000);
const claims = { iss: given.issuer, aud: given.audience, sub: given.credential, iat: now, exp: now + 600 };

const pairs = {};
for (const alg of ["RS256", "ES256", "EdDSA"]) pairs[alg] = await generateKeyPair(alg, { extractable: true });
const published = Object.entries(pairs).map(async ([alg, { publicKey }]) => ({
  ...(await exportJWK(publicKey)), kid: `npm-${alg}`, alg, use: "sig",
}));
await fetch(given.keys, { method: "PUT", body: JSON.stringify({ keys: await Promise.all(published) }) });

function sign(change = {}, header = {}, key = pairs.ES256.privateKey, options) {
  const all = Object.fromEntries(Object.entries({ ...claims, ...change }).filter(([, value]) => value !== null));
  return new SignJWT(all).setProtectedHeader({ alg: "ES256", kid: "npm-ES256", ...header }).sign(key, options);
}

const other = (await generateKeyPair("ES256")).privateKey;
const secret = new TextEncoder().encode(await exportSPKI(pairs.RS256.publicKey));
const [head, body, signature] = (await sign()).split(".");
const richer = Buffer.from(JSON.stringify({ ...claims, exp: now + 6000 })).toString("base64url");
const tokens = {
  "good RS256": await sign({}, { alg: "RS256", kid: "npm-RS256" }, pairs.RS256.privateKey),
  "good ES256": await sign(),
  "good EdDSA": await sign({}, { alg: "EdDSA", kid: "npm-EdDSA" }, pairs.EdDSA.privateKey),
  "good audiences": await sign({ aud: ["another", given.audience] }),
  "good without kid": await sign({}, { kid: undefined }),
  "token.invalid none": new UnsecuredJWT(claims).encode(),
  "token.invalid HS256 with the public key": await sign({}, { alg: "HS256", kid: "npm-RS256" }, secret),
  "token.invalid key of another algorithm": await sign({}, { kid: "npm-RS256" }),
  "token.invalid unknown kid": await sign({}, { kid: "npm-nobodys" }, other),
  "token.invalid another's key": await sign({}, {}, other),
  "token.invalid changed claims": `${head}.${richer}.${signature}`,
  "token.invalid critical": await sign({}, { crit: ["urn:x"], "urn:x": 1 }, undefined, { crit: { "urn:x": true } }),
  "token.invalid issuer": await sign({ iss: "https://id.evil.example" }),
  "token.invalid audience": await sign({ aud: "another" }),
  "token.invalid endless": await sign({ exp: null }),
  "token.invalid nobody": await sign({ sub: null }),
  "token.expired expired": await sign({ exp: now - 120 }),
  "token.expired not yet": await sign({ nbf: now + 600 }),
  "credential.unknown another credential": await sign({ sub: "nobody" }),
};

const outcomes = {};
for (const [name, token] of Object.entries(tokens)) {
  const answer = await fetch(given.url, { headers: { authorization: `Bearer ${token}` } });
  const said = await answer.text();
  outcomes[name] = { status: answer.status, code: JSON.parse(said).code, leaked: said.includes(token) };
}
process.stdout.write(JSON.stringify(outcomes));
