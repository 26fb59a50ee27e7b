-- A gateway as one would host it oneself, in nginx with Lua: it checks the same signature, takes each call off a counter in Redis before
-- it is forwarded, and writes the bytes that went out there once a second. It has no routes and no catalog, and never says no to a
-- repeated nonce.
local ffi = require "ffi"
local redis = require "nginx.redis"

ffi.cdef [[
  typedef struct evp_md_st EVP_MD;
  const EVP_MD *EVP_sha256(void);
  unsigned char *HMAC(const EVP_MD *md, const void *key, int key_length, const unsigned char *text, size_t length,
                      unsigned char *out, unsigned int *out_length);
]]

local secret, socket = os.getenv("SECRET"), "unix:" .. os.getenv("REDIS")
local window = 15 * 60 -- seconds that a signature is good for
local digest, bytes = ffi.new("unsigned char[32]"), ngx.shared.bytes

local function connected()
  local store = redis:new()
  store:set_timeout(1000)
  assert(store:connect(socket))
  return store
end

local function string_to_sign(headers)
  local lines = {
    ngx.req.get_method(),
    headers["accept"] or "",
    headers["content-md5"] or "",
    headers["content-type"] or "",
    headers["date"] or "",
  }
  for name in string.gmatch(headers["x-ca-signature-headers"] or "", "[^,]+") do
    lines[#lines + 1] = name .. ":" .. (headers[name] or "")
  end
  local query, names, fields = ngx.req.get_uri_args(), {}, {}
  for name in pairs(query) do names[#names + 1] = name end
  table.sort(names)
  for _, name in ipairs(names) do fields[#fields + 1] = name .. "=" .. tostring(query[name]) end
  lines[#lines + 1] = ngx.var.uri .. (#fields > 0 and "?" .. table.concat(fields, "&") or "")
  return table.concat(lines, "\n")
end

local gateway = {}

-- Whether the caller may call, and is counted for it.
function gateway.admit()
  local headers = ngx.req.get_headers()
  local text = string_to_sign(headers)
  ffi.C.HMAC(ffi.C.EVP_sha256(), secret, #secret, text, #text, digest, nil)
  if ngx.encode_base64(ffi.string(digest, 32)) ~= headers["x-ca-signature"] then return ngx.exit(401) end
  if math.abs(ngx.now() - (tonumber(headers["x-ca-timestamp"]) or 0) / 1000) > window then return ngx.exit(401) end
  local store = connected()
  local left = assert(store:decr("calls:" .. headers["x-ca-key"]))
  store:set_keepalive(60000, 64)
  if left < 0 then return ngx.exit(402) end
end

-- Counts what went out, behind the answer.
function gateway.count()
  bytes:incr(ngx.var.http_x_ca_key or "", tonumber(ngx.var.body_bytes_sent) or 0, 0)
end

-- Writes what was counted, once a second.
function gateway.write()
  local store = connected()
  for _, key in ipairs(bytes:get_keys(0)) do
    local counted = bytes:get(key)
    store:incrby("bytes:" .. key, counted)
    bytes:incr(key, -counted)
  end
  store:set_keepalive(60000, 64)
end

return gateway
