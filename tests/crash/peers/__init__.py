"""The same kill for other programs: same server, same list, begun again as their manuals say.

    make crash-peers

They live in an environment of their own, `requirements.txt` has the versions.
"""
