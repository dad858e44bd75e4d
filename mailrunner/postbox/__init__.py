"""The accounts' own mailboxes, into which bounces, complaints and requests come back.

`mailbox` speaks IMAP, `collection` hands what it finds to `inbound.sorter`, and what that makes of it to
`inbound.receive`.
"""
