--- Checks the signatures of JSON web tokens, for simulators: HS256 by a secret, RS256, ES256 and
--- EdDSA by a public key in PEM (RFC 7515, 7518, 8037).

local ffi  = require "ffi"
local host = require "moonwire.host"
local json = require "moonwire.json"
local wire = require "moonwire.sim.wire"

ffi.cdef [[
typedef struct bio_st BIO;
typedef struct evp_pkey_st EVP_PKEY;
typedef struct evp_md_ctx_st EVP_MD_CTX;
BIO *BIO_new_mem_buf(const void *buf, int len);
int BIO_free(BIO *a);
EVP_PKEY *PEM_read_bio_PUBKEY(BIO *bp, EVP_PKEY **x, void *cb, void *u);
void EVP_PKEY_free(EVP_PKEY *key);
int EVP_PKEY_get_base_id(const EVP_PKEY *pkey);
EVP_MD_CTX *EVP_MD_CTX_new(void);
void EVP_MD_CTX_free(EVP_MD_CTX *ctx);
const void *EVP_sha256(void);
int EVP_DigestVerifyInit(EVP_MD_CTX *ctx, void *pctx, const void *type, void *e, EVP_PKEY *pkey);
int EVP_DigestVerify(EVP_MD_CTX *ctx, const char *sig, size_t siglen, const char *tbs,
                     size_t tbslen);
]]
local C = ffi.C

local M = {}
local KEY_TYPES = { RS256 = 6, ES256 = 408, EdDSA = 1087 }       -- EVP_PKEY_...

local Verifier = { __name = "moonwire.sim.JwtVerifier" }
Verifier.__index = Verifier

local function read_public_key(pem)
  local bio = C.BIO_new_mem_buf(pem, #pem)
  local key = C.PEM_read_bio_PUBKEY(bio, nil, nil, nil)
  C.BIO_free(bio)
  if key == nil then return nil end
  return ffi.gc(key, C.EVP_PKEY_free)
end

--- A verifier of one algorithm; `key` is the secret, or the PEM text of the public key. nil and
--- what is wrong.
function M.new(algorithm, key)
  local self = setmetatable({ algorithm = algorithm }, Verifier)
  if algorithm == "HS256" then
    self.secret = host.secret_text(key)
    return self
  end
  self.key = read_public_key(key)
  if not self.key then return nil, "this is no public key in PEM" end
  if C.EVP_PKEY_get_base_id(self.key) ~= KEY_TYPES[algorithm] then
    return nil, "the public key is of another kind than " .. algorithm
  end
  return self
end

-- DER of the two halves of an ES256 signature.
local function der_of(signature)
  if #signature ~= 64 then return nil end
  local function integer(bytes)
    bytes = bytes:gsub("^%z+", "")
    if bytes == "" or bytes:byte() >= 128 then bytes = "\0" .. bytes end
    return "\2" .. string.char(#bytes) .. bytes
  end
  local body = integer(signature:sub(1, 32)) .. integer(signature:sub(33))
  return "\48" .. string.char(#body) .. body
end

local function is_signed(self, text, signature)
  if self.secret then
    return wire.from_hex(self.secret:hmac("sha256", text, "hex")) == signature
  end
  if self.algorithm == "ES256" then signature = der_of(signature) end
  if not signature then return false end
  local digest = self.algorithm ~= "EdDSA" and C.EVP_sha256() or nil
  local context = C.EVP_MD_CTX_new()
  local ok = C.EVP_DigestVerifyInit(context, nil, digest, nil, self.key) == 1
    and C.EVP_DigestVerify(context, signature, #signature, text, #text) == 1
  C.EVP_MD_CTX_free(context)
  return ok
end

--- The claims of a compact token of this algorithm; nil when it is none or signed otherwise.
function Verifier:read(token)
  local text, signature = token:match("^([^.]+%.[^.]+)%.([^.]+)$")
  if not text then return nil end
  local head, claims = text:match("^(.-)%.(.*)$")
  head, claims = wire.from_base64url(head), wire.from_base64url(claims)
  signature = wire.from_base64url(signature)
  head, claims = head and json.decode(head), claims and json.decode(claims)
  if type(head) ~= "table" or type(claims) ~= "table" or head.alg ~= self.algorithm
    or not signature or not is_signed(self, text, signature) then
    return nil
  end
  return claims
end

return M
