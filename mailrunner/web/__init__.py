"""The public pages: leaving a list with one click, preferences, and what providers report.

    app         the addresses and what each answers       pages       what a person sees
    gate        what holds for every request alike        languages   in which words
    recorder    many clicks, one transaction              throttle    who asks too often
    choices     what is open to one person                server      listening, and stopping in order

Every answer of 200 to a click is given after the click is durable in the ledger.
"""
