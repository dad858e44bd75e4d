"""The public server: one-click unsubscribing, subscriber preferences, and webhooks of providers.

    app           the routes and their answers            pages         the HTML of each page
    one_click     the short path of a one-click request   translations  the phrases in each language
    middleware    headers of every answer                 access_log    a note of every request
    batch_writer  many requests in one transaction        rate_limit    token buckets of clients
    preferences   the lists of one subscriber             server        listening and stopping in order
    connections   how many, and for how long              protocol      one connection within those limits
    forwarded     the client's address behind proxies     body          the memory of request bodies
    health        whether clicks can be recorded          sender, logo  whose pages they are

Every answer of 200 to a click is given after the click is durable in the ledger.
"""
