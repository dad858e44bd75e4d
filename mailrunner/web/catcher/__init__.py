"""The catcher: an SMTP server on this machine that keeps what it gets and shows it.  It cannot send.

messages.py   what was caught: bounded, in a temporary database   smtp.py  the SMTP server
pages.py      the application, behind `web.gate.loopback`
one_click.py  one-click unsubscribe, tried on loopback            view.py  a message, taken apart
mailbox.py    a folder in which they are kept
"""
