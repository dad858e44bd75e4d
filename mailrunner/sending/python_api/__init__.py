"""The Python API: what a program, and the command line, does with a project.

    project.py   `mailrunner.Project`: settings, ledger, accounts, the suppression list
    folder.py    the folder and its ledger         suppressing.py, targets.py  entries, as they are typed
    campaign.py  `mailrunner.Campaign`: check, preview, run, status, report
    status.py    states of campaigns and accounts as values, and as the JSON of the commands
    look.py      reads these states from the ledger     lookup.py    the campaign that a name means
    checked.py   the result of a check                  shown.py     one message, to look at
    outcomes.py  a report that is open for reading      given.py     a list that a program hands over
    eager.py     iterators whose errors come at once
    actions.py   pause, cancel, queue again          doubts.py    deliveries in doubt, resolved
    test_messages.py  messages to oneself
    running.py   one run: events, and the end by Ctrl-C

Documented in `docs/api.md`.
"""
