"""What strangers send, changed at random: parsers answer as documented, and no address is suppressed.

python -m tests.fuzz --seconds 600 --seed 1           # make fuzz
python -m tests.fuzz --only mail --seed 1 --number 17 # one input again
"""
