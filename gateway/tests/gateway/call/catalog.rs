//! What these tests sell: a product for each way to be called.

pub(super) const CATALOG: &str = r#"
[provider]
name = "Test"
currency = "USD"
[[products]]
id = "leased"
upstream = "http://origin.test"
auth = ["x-ca", "rfc9421"]
routes = [{ path = "/leased" }]
rate = { per_1000_calls = "2.00" }
packages = [{ id = "hundred", price = "1.00", calls = 100, valid = "30d" }]
[[products]]
id = "strict"
upstream = "http://origin.test"
auth = ["x-ca"]
admission = "strict"
routes = [{ path = "/strict" }]
rate = { per_1000_calls = "2.00" }
[[products]]
id = "slow"
upstream = "http://origin.test"
auth = ["x-ca", "appcode"]
limits = { per_credential = "3/minute", per_product = "1000/second" }
routes = [{ path = "/slow" }]
rate = { per_1000_calls = "2.00" }
[[products]]
id = "keyed"
upstream = "http://origin.test"
auth = ["key"]
key_parameter = "api_key"
routes = [{ path = "/keyed" }]
rate = { per_1000_calls = "2.00" }
[[products]]
id = "tokened"
upstream = "http://origin.test"
auth = ["jwt", "key"]
jwt = { issuer = "https://id.test", audience = "tokened", jwks = "https://id.test/keys", claim = "key" }
routes = [{ path = "/tokened" }]
rate = { per_1000_calls = "2.00" }
[[products]]
id = "tokened-too"
upstream = "http://origin.test"
auth = ["jwt"]
jwt = { issuer = "https://id.test", audience = "tokened-too", jwks = "https://id.test/keys", claim = "key" }
routes = [{ path = "/tokened-too" }]
rate = { per_1000_calls = "2.00" }
[[products]]
id = "secured"
upstream = "http://origin.test"
auth = ["x-ca"]
upstream_auth = { header = "X-Origin-Key", prefix = "Key ", secret = "origin" }
routes = [{ path = "/secured" }]
rate = { per_1000_calls = "2.00" }
[products.stages.test]
upstream = "http://sandbox.test"
limits = { per_account = "2/minute" }
[[products]]
id = "sold"
upstream = "http://origin.test/v1"
auth = ["x-ca"]
forwarded = "forwarded"
strip_prefix = "/sold/api"
rewrite_addresses = true
request_headers = { set = { X-Tenant = "acme" }, add = { Accept-Language = "en" }, remove = ["X-Internal"] }
response_headers = { set = { X-Served-By = "acme" }, add = { Link = "</terms>" }, remove = ["X-Powered-By"] }
routes = [{ path = "/sold/api/{*rest}" }, { path = "/sold/api" }]
rate = { per_1000_calls = "2.00" }
[[products]]
id = "bare"
upstream = "http://origin.test"
auth = ["x-ca"]
forwarded = "x-forwarded"
strip_prefix = "/bare"
routes = [{ path = "/bare" }]
rate = { per_1000_calls = "2.00" }
[[products]]
id = "picky"
upstream = "http://origin.test"
auth = ["x-ca"]
charge_on = "2xx"
routes = [{ path = "/picky" }]
rate = { per_1000_calls = "2.00" }
packages = [{ id = "ten", price = "1.00", calls = 10 }]
[[products]]
id = "paged"
upstream = "http://origin.test"
auth = ["x-ca"]
cors = { origins = ["https://a.example", "http://localhost:3000"] }
routes = [{ path = "/paged", methods = ["GET", "POST"] }]
rate = { per_1000_calls = "2.00" }
[[products]]
id = "tried"
upstream = "http://origin.test"
auth = ["x-ca", "key"]
admission = "strict"
stages = { test = { upstream = "http://sandbox.test/v1", limits = { per_account = "2/minute" } } }
limits = { per_account = "1/minute" }
routes = [{ path = "/tried" }]
rate = { per_1000_calls = "2.00" }
[[products]]
id = "slow-strict"
upstream = "http://origin.test"
auth = ["x-ca"]
admission = "strict"
limits = { per_account = "3/minute" }
routes = [{ path = "/slow-strict" }]
rate = { per_1000_calls = "2.00" }
[[products]]
id = "bytes"
upstream = "http://origin.test"
auth = ["x-ca"]
routes = [{ path = "/bytes" }]
rate = { per_gib_egress = "1.00", per_gib_ingress = "1.00" }
[[products]]
id = "mib"
upstream = "http://origin.test"
auth = ["x-ca"]
routes = [{ path = "/mib" }]
packages = [{ id = "one", price = "0.01", egress_bytes = "1 MiB" }]
[[products]]
id = "tokens"
upstream = "http://origin.test"
auth = ["x-ca"]
units = "header"
max_units = 500
packages = [{ id = "tokens-10k", price = "0.01", units = 10_000 }]
rate = { per_1000_units = "1.00" }
  [[products.routes]]
  path = "/tokens/said"
  [[products.routes]]
  path = "/tokens/five"
  units = 5
  [[products.routes]]
  path = "/tokens/read"
  units = { "/usage/in" = 1, "/usage/out" = 3 }
[[products]]
id = "tokens-strict"
upstream = "http://origin.test"
auth = ["x-ca"]
admission = "strict"
routes = [{ path = "/tokens-strict", units = "header", max_units = 500 }]
packages = [{ id = "strict-10k", price = "0.01", units = 10_000 }]
[[products]]
id = "plain"
upstream = "http://origin.test"
auth = ["x-ca"]
answer = "untouched"
upstream_signature = false
routes = [{ path = "/plain" }]
rate = { per_1000_calls = "2.00" }
[[products]]
id = "once"
upstream = "http://origin.test"
auth = ["x-ca", "rfc9421"]
strict_signature = true
limits = { per_account = "1000/minute" }
routes = [{ path = "/once" }]
rate = { per_1000_calls = "2.00" }
"#;
