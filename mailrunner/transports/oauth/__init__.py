"""Logging in by OAuth 2.0 (RFC 6749) at Google and Microsoft: getting, keeping and refreshing tokens.

    grant       what is asked for, and where: endpoints, scopes, the identity of a login
    token       when a token is due, and what an answer of the authorization server says (pure)
    store       one file for each login: 0600, under a lock, replaced as a whole
    requests    HTTP to the authorization server, bounded in size and time
    grants      the five ways to a token, over authlib
    loopback    the listener that a browser is sent back to (RFC 8252 §7.3)
    access      what SMTP and IMAP ask for a token; it refreshes early, in one process at a time
    advice      the server's error as a sentence with the next step
    sasl        XOAUTH2 and OAUTHBEARER (RFC 7628)

authlib and httpx are imported where a token is asked for, and by nothing else.
"""
