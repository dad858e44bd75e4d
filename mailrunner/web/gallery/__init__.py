"""The gallery: every message of a campaign before it is sent, on a socket of its own.

app.py           the routes, behind `web.gate`    list_page.py     the rows beside a message
message_page.py  one message in one view          compare_page.py  two messages, and what differs
changes.py       how an open page is renewed      templates/, static/
"""
