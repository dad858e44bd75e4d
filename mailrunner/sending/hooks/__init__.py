"""Hooks: a user is told of what needs one, by a command, a web address or e-mail (`on_event`).

events.py    which events there are, and which were told before
delivery.py  a thread that delivers them, tried three times, while sending goes on
channels.py  a command, a POST, a message to oneself
watch.py     notices the events of a run
complaint_watch.py  notices complaints beside `serve` and `inbox --watch`
"""
