"""The gallery: every message of a campaign before it is sent, on a socket of its own.

app         the routes, behind the dashboard's gate     message_page  one message in one view
templates/  the pages                                   static/       their style; they have no script
"""
