--- What a configuration may say: every key with its type, its default and its meaning, which is the
--- documentation as well. fields.lua reads this; config.lua has what cannot be said in this way.

local M = {}

M.HTTP = { "https", "http" }           -- schemes of urls; the second one is for this machine
local WS = { "wss", "ws" }
local NAME, NAME_FORM = "^[%a_][%w_-]*$", "a name of letters, digits, _ and -"
local SOCKET_MAX = 107                 -- bytes of a socket's path

local function by_asset(doc)
  return { type = "map", keys = "^%w+$", form = "an asset, such as BTC", key_name = "ASSET",
           doc = doc, each = { type = "decimal", doc = doc } }
end

--- The common keys of a venue; its protocol has more.
---@type moonwire.Field
M.venue = {
  type = "record", extend = "protocol", doc = "a venue, by the name that strategies use", fields = {
    protocol = { type = "string", required = true,
                 doc = "a name of lua/moonwire/venues, or the path of a Lua file" },
    environment = { type = "string", choices = { "production", "demo", "sim" },
                    doc = "sets the urls; without it each url must be given" },
    rest_url = { type = "url", schemes = M.HTTP, is_origin = true,
                 doc = "scheme and host; default: the environment's" },
    private_url = { type = "url", schemes = WS,
                    doc = "private WebSocket; default: the environment's" },
    market_url = { type = "url", schemes = WS, off = true,
                   doc = "market-data WebSocket; default: the environment's; false: no market "
                     .. "data" },
    ca_file = { type = "path", exists = true, has = "%-%-%-%-%-BEGIN [%u%d ]*CERTIFICATE%-",
                has_what = "certificate (PEM: -----BEGIN CERTIFICATE-----)",
                doc = "certificates to trust; default: the system's" },
    key = { type = "secret", required = true, doc = "API key" },
    secret = { type = "secret", required = true, doc = "API secret" },
    request_timeout = { type = "number", min = 0.1, max = 300, default = 10,
                        doc = "seconds until a request without an answer is given up" },
    reconcile_every = { type = "number", min = 1, max = 3600, default = 60,
                        doc = "seconds between two comparisons of open orders with the venue's" },
    silence = { type = "number", min = 1, max = 3600,
                doc = "seconds without a byte after which a connection counts as dead; default: "
                  .. "the protocol's" },
    dead_man = { type = "number", min = 10, max = 3600, off = true, default = 30,
                 doc = "seconds until the venue cancels when we fall silent, where it can" },
  },
}

local strategy = {
  type = "record", doc = "a strategy to run", fields = {
    file = { type = "path", exists = true, required = true, doc = "its Lua file" },
    name = { type = "string", pattern = NAME, form = NAME_FORM,
             doc = "default: the file's name without .lua" },
    params = { type = "any", is_table = true,
               doc = "parameters that differ from the file's defaults" },
    trusted = { type = "boolean", default = false, doc = "runs without the sandbox" },
  },
}

--- Every key, its type, default and meaning.
---@type moonwire.Field
M.all = {
  type = "record", fields = {
    name = { type = "string", pattern = NAME, form = NAME_FORM, default = "moonwire",
             doc = "of this runtime; two that trade one account need two names" },
    venues = { type = "map", keys = NAME, form = NAME_FORM, key_name = "name", default = {},
               each = M.venue },
    strategies = { type = "list", default = {}, each = strategy },
    journal = { type = "record", default = {}, off = true,
                doc = "the record of events, orders and fills; false: none", fields = {
      path = { type = "path", is_new = true, default = "moonwire.db", doc = "SQLite file" },
      max_mb = { type = "number", min = 16, max = 1e6,
                 doc = "the oldest events go when the file is larger; default: no limit" },
      max_days = { type = "number", min = 0.01, max = 36500,
                   doc = "events that are older go; default: no limit" } } },
    console = { type = "record", doc = "for moonwire repl --attach", fields = {
      path = { type = "path", is_new = true, longest = SOCKET_MAX, default = "moonwire.sock",
               doc = "socket, same user only" },
      confirm_notional = by_asset "the prompt asks before it sends more, by quote currency" } },
    risk = { type = "record", default = {}, doc = "limits that every order must pass", fields = {
      max_order_notional = by_asset "price x qty of one order, by quote currency",
      max_order_qty = by_asset "quantity of one order, by base currency",
      max_position = by_asset "own position and open orders together, by base currency",
      max_open_orders = { type = "integer", min = 1, doc = "of the whole runtime" },
      max_orders_per_second = { type = "integer", min = 1, max = 1e6, doc = "of one strategy" },
      price_collar = { type = "percent",
                       doc = "how far a price may be on the wrong side of the market" } } },
    on_crash = { type = "string", choices = { "cancel", "leave" }, default = "cancel",
                 doc = "what the guardian does with open orders when the runtime dies" },
    on_stop = { type = "string", choices = { "cancel", "leave" }, default = "cancel",
                doc = "what becomes of open orders when the runtime is stopped" },
    on_orphan = { type = "string", choices = { "leave", "cancel", "ask" }, default = "leave",
                  doc = "what becomes of open orders of ours that no strategy claims" },
    restart = { type = "boolean", default = false, doc = "start again after a crash" },
    hang_limit = { type = "number", min = 1, max = 3600, default = 10,
                   doc = "seconds without a turn of its loop after which the runtime counts as "
                     .. "dead" },
    on_journal_failure = { type = "string", choices = { "cancel", "halt" }, default = "cancel",
                           doc = "when the journal cannot be written: cancel orders and stop, or "
                             .. "send no new ones until it can" },
    on_error = { type = "string", choices = { "stop", "continue" }, default = "stop",
                 doc = "what an error in a callback does to its strategy" },
    probation = { type = "record", default = {}, off = true,
                  doc = "of code that was reloaded: it is rolled back when it fails too often; "
                    .. "false: none", fields = {
      errors = { type = "integer", min = 1, max = 1000, default = 3, doc = "so many are too many" },
      seconds = { type = "number", min = 1, max = 86400, default = 30,
                  doc = "so long after the reload" } } },
    max_callback = { type = "number", min = 0.01, max = 3600, default = 1,
                     doc = "seconds that a callback may take; then it is ended, and its strategy "
                       .. "stopped" },
    memory_limit_mb = { type = "integer", min = 32, max = 1e6, default = 1024,
                        doc = "of the runtime; a callback that takes more is ended" },
    spin = { type = "boolean", default = false, doc = "poll without sleeping: costs a core" },
    log = { type = "record", default = {}, doc = "log lines on standard error", fields = {
      level = { type = "string", choices = { "error", "warn", "info", "debug" }, default = "info",
                doc = "the least that is logged" },
      format = { type = "string", choices = { "text", "json" }, default = "text",
                 doc = "how a line looks" } } },
  },
}

---@class moonwire.Configuration
---@field path string|nil            the file that was read
---@field text string|nil            what stood in it
---@field directory string           base of its relative paths; "" is the working directory
---@field name string
---@field venues table<string, table>  as in the file, urls filled in; protocol is a name or a path
---@field strategies { file: string, name: string, params: table|nil, trusted: boolean }[]
---@field journal { path: string, max_mb: number|nil, max_days: number|nil }|false
---@field console { path: string, confirm_notional: table|nil }|nil
---@field risk moonwire.RiskLimits
---@field on_crash "cancel"|"leave"
---@field on_stop "cancel"|"leave"
---@field on_orphan "leave"|"cancel"|"ask"
---@field restart boolean
---@field hang_limit number         seconds
---@field on_journal_failure "cancel"|"halt"
---@field on_error "stop"|"continue"
---@field probation { errors: integer, seconds: number }|false
---@field max_callback number       seconds
---@field memory_limit_mb integer
---@field spin boolean
---@field log { level: string, format: string }

return M
