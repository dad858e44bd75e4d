"""Entries of cron, systemd and Task Scheduler: their texts, and their installation."""
