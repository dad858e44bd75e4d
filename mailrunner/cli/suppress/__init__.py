"""`mailrunner suppress`: the commands of the suppression list, one module for each."""
