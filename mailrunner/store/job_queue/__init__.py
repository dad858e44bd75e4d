"""Work for other machines, beside the ledger in its PostgreSQL: shares of campaigns, and their files."""
