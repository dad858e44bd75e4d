"""mailrunner.toml: the project with its ledger, its lists and its accounts.

`project` finds and reads the file, `account` completes one account from its provider's preset (`providers`),
`variables` fills in ${VARIABLES} from the environment and `.env`.
"""
