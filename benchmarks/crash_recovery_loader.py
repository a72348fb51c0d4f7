"""The process that ``crash_recovery`` disturbs: loads until it is killed, or its database is."""

from __future__ import annotations

import sys

from sqlalchemy.exc import DBAPIError

from benchmarks.crash_recovery import load
from insights_resources.errors import WarehouseUnreachableError


def main() -> None:
    url, products, days, first_step = sys.argv[1:]
    print("ready", flush=True)
    try:
        load(url, int(products), int(days), int(first_step))
    except WarehouseUnreachableError as error:
        sys.exit(f"transient: {error}")
    except DBAPIError as error:
        if not error.connection_invalidated:
            raise
        sys.exit(f"transient: {' '.join(str(error.orig).split())}")


if __name__ == "__main__":
    main()
