"""`python -m bench.head ARGUMENTS`: mugrade, and at the end the processor time of its process."""

import json
import time

from mugrade.cli import app


def main() -> None:
    try:
        app()
    finally:
        print(json.dumps({"head": time.process_time()}))


if __name__ == "__main__":
    main()
