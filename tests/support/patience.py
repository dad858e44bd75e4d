"""How long a test waits for what must come: so long that only a hang meets it, on a busy machine too."""

PATIENCE = 240.0  # seconds; pytest's own time-out of a test is longer
