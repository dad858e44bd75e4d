"""The public server: one-click unsubscribing, subscriber preferences, and webhooks of providers.

    app           the routes and their answers            pages         the HTML of each page
    one_click     the short path of a one-click request   translations  the phrases in each language
    middleware    headers of every answer                 access_log    a note of every request
    batch_writer  many requests in one transaction        rate_limit    token buckets of clients
    preferences   the lists of one subscriber             server        listening and stopping in order

Every answer of 200 to a click is given after the click is durable in the ledger.
"""
