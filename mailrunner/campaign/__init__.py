"""Campaign files: `campaign_file` finds and reads one, `tables` has its keys and their types."""
