"""In front of the pages that are served on this machine: which requests are answered, and who may enter.

gate.py      dashboard and gallery          entrance.py  links, sessions, the password
loopback.py  the catcher, without a way in  headers.py   what the gates have in common
"""
