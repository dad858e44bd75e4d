"""What `make` runs besides the program: the wheel's test, the drawing of the architecture, the release."""
