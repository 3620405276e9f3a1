--- Peatio: orders over REST, their executions over a WebSocket that only talks. Three generations
--- of it are in use; `dialect` names the one that a venue runs:
---   daemon  1.4 to 1.8: one socket for everybody's orders and one's own trades, a JWT as message
---   hmac    0.1: the same, an answer to a challenge in place of the token
---   ranger  1.9 to 3.x: own orders and trades by stream, the token at the handshake
--- Source: github.com/rubykube/peatio and peatio/peatio; section numbers are those of the venue's
--- page.

local api = require "moonwire.venues.peatio.api"
local orders = require "moonwire.venues.peatio.orders"
local polled = require "moonwire.venues.peatio.polled"
local ranger = require "moonwire.venues.peatio.ranger"
local stream = require "moonwire.venues.peatio.stream"
local understood = require "moonwire.understood"

local HTTP, WS = { "https", "http" }, { "wss", "ws" }

---@class moonwire.venue.Peatio : moonwire.Venue
local M = {
  name = "peatio",
  environments = {},                   -- everybody runs their own: each url is configured
  options = {
    dialect = { type = "string", choices = { "daemon", "hmac", "ranger" }, default = "daemon",
                doc = "generation of the venue's interface: 1.4 to 1.8, 0.1, or 1.9 to 3.x" },
    rest_url = { type = "url", schemes = HTTP, required = true, doc = "scheme and host of REST" },
    private_url = { type = "url", schemes = WS, required = true, doc = "the WebSocket" },
    market_url = { type = "url", schemes = WS, off = true,
                   doc = "the public WebSocket (ranger; the others' market data comes by REST); "
                     .. "false: no market data" },
    jwt = { type = "secret", doc = "a ready token; a file is read again before it ends" },
    private_key = { type = "secret", doc = "to make tokens with: PEM; for HS256 the secret" },
    algorithm = { type = "string", choices = { "RS256", "ES256", "EdDSA", "HS256" },
                  default = "RS256", doc = "of the tokens that are made" },
    email = { type = "string", doc = "the member's, in tokens" },
    uid = { type = "string", doc = "the member's, in tokens" },
    level = { type = "integer", min = 0, max = 99,
              doc = "the member's verification level, in tokens: the venue takes it over" },
    state = { type = "string", doc = "the member's, in tokens: the venue takes it over" },
    issuer = { type = "string", default = "barong", doc = "iss of tokens" },
    audience = { type = "string", default = "peatio", doc = "aud of tokens" },
    key = { type = "secret", doc = "access key (hmac), or API key in place of tokens (ranger)" },
    secret = { type = "secret", doc = "secret of the key" },
    symbols = { type = "list", doc = "the markets that are looked at; default: all",
                each = { type = "string", pattern = "^%w+/%w+$", form = "a market, BASE/QUOTE",
                         doc = "BASE/QUOTE" } },
    precision = { type = "map", keys = "^%w+/%w+$", form = "a market, BASE/QUOTE",
                  key_name = "BASE/QUOTE", default = {},
                  doc = "decimals of a market, which 1.8 does not tell", each = {
      type = "record", doc = "decimals of a market, which 1.8 does not tell", fields = {
        price = { type = "integer", min = 0, max = 16, default = 8, doc = "of prices" },
        qty = { type = "integer", min = 0, max = 16, default = 8, doc = "of quantities" } } } },
    reconcile_every = { type = "number", min = 1, max = 3600, default = 30,
                        doc = "seconds between two comparisons of open orders with the venue's" },
  },
}

--- What a token is made of, or what signs: needed all or not at all.
function M.check_config(config)
  local problems = {}
  local function want(names, why)
    for _, name in ipairs(names) do
      if config[name] == nil then problems[#problems + 1] = { name, "missing: " .. why } end
    end
  end
  if config.dialect == "hmac" then
    want({ "key", "secret" }, "the dialect hmac signs with it")
  elseif config.dialect == "ranger" and config.key then
    want({ "secret" }, "the API key's requests are signed with it")
  elseif config.private_key then
    want({ "email", "uid", "level", "state" }, "tokens that are made say it")
  elseif not config.jwt then
    want({ "jwt" }, "expected a token, or private_key with email, uid, level and state")
  end
  return problems
end

-- A dialect is a venue's file of its own: a generation of REST, a socket, market data.
local function dialect(generation, private, market, on_answered)
  local P = {
    name = M.name, api = generation, base_path = generation.base_path, private = private,
    market = market, on_answered = on_answered,
    capabilities = { client_order_id = false, trade_ids = true, market_data = true,
                     post_only = false, market_orders = true, countdown = false },
    -- The venue takes 6000 calls in 5 minutes from a member, all of them together.
    limits = {
      { name = "member", count = 15, per = 1, reserve = 3,
        kinds = { "submit", "cancel", "query" } },
      { name = "public", count = 10, per = 1 },
    },
    late_arrival = 10,
  }
  for _, name in ipairs { "check_order", "submit", "submit_answer", "cancel", "cancel_answer",
                          "fetch_open_orders", "fetch_order", "fetch_fills" } do
    P[name] = orders[name]
  end
  P.fetch_markets, P.fetch_balances = generation.fetch_markets, generation.fetch_balances
  P.fee_rates = orders.fee_rates
  P.fetch_time = generation.fetch_time
  understood(P)
  if generation.time_path then
    function P.warm(s)
      return { method = "GET", url = s.config.rest_url .. P.base_path .. generation.time_path }
    end
  end
  return P
end

local dialects = {
  daemon = dialect(api.v1, stream.daemon, polled, stream.on_answered),
  hmac = dialect(api.v1, stream.hmac, polled, stream.on_answered),
  ranger = dialect(api.v2, ranger.private, ranger.market),
}

--- The venue's file for a configuration.
function M.for_config(config) return dialects[config.dialect] end

return M
