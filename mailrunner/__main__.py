"""`python -m mailrunner` is `mailrunner`."""

from mailrunner.cli import main

if __name__ == "__main__":
    main()
