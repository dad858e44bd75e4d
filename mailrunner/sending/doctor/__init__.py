"""`mailrunner doctor`: what stands between an account and its recipients' inboxes, each with the next step.

    finding      one thing seen: level, evidence, remedy
    examination  asks network and name servers, all at once and within a deadline, and runs the checks
    questions    what it asks, each in a thread of its own
    facts        what was found out of one account
    dns_lookup   questions to name servers, each answered, refused or not answered
    provider_dns the SPF includes and DKIM selectors of known providers
    spf, dmarc   reading those records as receivers do (pure, over a function that looks up)
    ports, server, account_quota, sender_domain, dkim_records, dmarc_policy, own_keys, own_relay, one_click,
    clock_skew: a check each; bulk_rules: what all of them say of the providers' rules
    arrival, learned: a message as it arrived, and what is kept of it

A check is a function of the facts alone, and yields findings.
"""
