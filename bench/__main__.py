"""All benches one after the other, as `make bench` runs them; an hour on two cores.

python -m bench [NAME…]
"""

from __future__ import annotations

import subprocess
import sys

# In the order of docs/performance.md; each runs in processes of its own.
BENCHES = {
    "end_to_end": [],
    "cpu": ["--before", "7be80ae"],
    "inlining": [],
    "composition": [],
    "transport": [],
    "latency": [],
    "large_list": [],
    "claims": ["--ten-million", "--postgresql"],
    "clicks": [],
    "pages": [],
}


def main() -> None:
    for name in sys.argv[1:] or BENCHES:
        print(f"\n## {name}\n", flush=True)
        subprocess.run([sys.executable, "-m", f"bench.{name}", *BENCHES[name]], check=True)


if __name__ == "__main__":
    main()
