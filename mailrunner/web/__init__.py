"""The public pages: leaving a list with one click, preferences, and what providers report.

    app         the addresses and what each answers       pages       what a person sees
    one_click   the short way of a click                  languages   in which words
    gate        what holds for every request alike        register    what an operator is told of them
    recorder    many clicks, one transaction              throttle    who asks too often
    choices     what is open to one person                server      listening, and stopping in order

Every answer of 200 to a click is given after the click is durable in the ledger.
"""
