--- A configuration for Instamrkt. With a login the session key is renewed by itself, and bets go
--- over REST, where an answer belongs to its request. In place of login and password a key that you
--- have: user_id = "17", session_key = env "INSTAMRKT_KEY" (it lives for 24 hours, and ends when
--- anybody logs in).
return {
  venues = {
    im = {
      protocol = "instamrkt", environment = "production",
      source_id = "c295ecdc-9194-428a-8353-20513856cda1",
      login = "mara", password = env "INSTAMRKT_PASSWORD",
      -- Joining a game shows the user's name to its other players. Without this line: all of them.
      -- games = { "the-id-of-a-game" },
    },
  },
  -- A stake is an order's quantity and its notional as well.
  risk = { max_order_notional = { DON = "5" }, max_open_orders = 20 },
}
