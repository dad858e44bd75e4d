"""HTTP/1.1 connections to mail APIs that never block; extra `http` (h11).

`exchange` is one request and its answer on a socket, `reach` the way to the server (proxy, TLS),
`transport` the `Transport` over both, `call` a single request that is waited for.
"""
