"""Makes tokens with PyPI's `joserfc`, as an issuer does, hands out the keys, calls with each and prints what came back.

In, as JSON on standard input: {url, keys: where the JWK set goes, issuer, audience, credential}.
Out: {name: {status, code, leaked: whether the upstream saw the token}}.
"""

import json
import sys
import time

import requests
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet, OctKey, OKPKey, RSAKey

given = json.load(sys.stdin)
now = int(time.time())
claims = {"iss": given["issuer"], "aud": given["audience"], "sub": given["credential"], "iat": now, "exp": now + 600}


def named(alg):
    return {"kid": f"pypi-{alg}", "alg": alg, "use": "sig"}


keys = {
    "RS256": RSAKey.generate_key(2048, named("RS256")),
    "ES256": ECKey.generate_key("P-256", named("ES256")),
    "EdDSA": OKPKey.generate_key("Ed25519", named("EdDSA")),
}
published = KeySet(list(keys.values())).as_dict(private=False)
requests.put(given["keys"], data=json.dumps(published), timeout=30).raise_for_status()


def sign(change=None, alg="ES256", kid=None, key=None):
    header = {"alg": alg, "kid": kid or f"pypi-{alg}"}
    return jwt.encode(header, {**claims, **(change or {})}, key or keys[alg], algorithms=[alg])


secret = OctKey.import_key(keys["RS256"].as_dict(private=False)["n"])
other = ECKey.generate_key("P-256")
tokens = {
    "good RS256": sign(alg="RS256"),
    "good ES256": sign(),
    "good EdDSA": sign(alg="EdDSA"),
    "good audiences": sign({"aud": ["another", given["audience"]]}),
    "token.invalid none": sign(alg="none", key=keys["ES256"]),
    "token.invalid HS256 with the modulus": sign(alg="HS256", kid="pypi-RS256", key=secret),
    "token.invalid unknown kid": sign(kid="pypi-nobodys", key=other),
    "token.invalid another's key": sign(key=other),
    "token.invalid issuer": sign({"iss": "https://id.evil.example"}),
    "token.invalid audience": sign({"aud": "another"}),
    "token.expired expired": sign({"exp": now - 120}),
    "token.expired not yet": sign({"nbf": now + 600}),
}

outcomes = {}
for name, token in tokens.items():
    answer = requests.get(given["url"], headers={"authorization": f"Bearer {token}"}, timeout=30)
    outcomes[name] = {"status": answer.status_code, "code": answer.json().get("code"), "leaked": token in answer.text}
json.dump(outcomes, sys.stdout)
