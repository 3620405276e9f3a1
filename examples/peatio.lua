--- A configuration for a Peatio of 1.4 to 1.8 (`daemon`). Each is somebody's own: addresses, the
--- decimals of its markets and who the member is stand here.
return {
  venues = {
    pea = {
      protocol = "peatio", dialect = "daemon",
      rest_url = "https://trade.example.com", private_url = "wss://trade.example.com:8080/",
      -- Tokens are made with the member's private key. Level and state are taken over by the venue
      -- with each token, so they must be the member's own. Or, in place of these six lines, a token
      -- that another program renews: jwt = file "peatio.jwt".
      private_key = file "peatio.pem", algorithm = "RS256",
      email = "trader@example.com",
      uid = "ID0123456789",
      level = 3,
      state = "active",
      precision = { ["BTC/USD"] = { price = 2, qty = 6 } },
      symbols = { "BTC/USD" },
    },
  },
  risk = { max_order_notional = { USD = "1000" }, max_open_orders = 10 },
}
