"""`mailrunner dkim`: keys of an own relay, one module for each command."""
