"""Sheets as they look: what stands in their files beside the values, and what a user sees of those."""
