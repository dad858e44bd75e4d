"""Lists at an https address, such as a published Google Sheet: fetched whole, before any row is read."""
