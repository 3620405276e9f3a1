--- A configuration for Finery Markets. The key belongs to one account and to one program: its
--- nonces must rise. `role` is the account's: a taker's orders are ioc and fok, a maker's gtc and
--- post_only.
return {
  venues = {
    fin = {
      protocol = "finery", environment = "demo",         -- "production" when all is well
      key = env "FINERY_KEY", secret = env "FINERY_SECRET",
      role = "taker",
    },
  },
  risk = { max_order_notional = { USD = "100000" }, max_open_orders = 20 },
}
