"""The gateway of a version to come: it knows one more version of the tables, and tells the test when it makes them."""

from pathlib import Path

from gateway.store import migrate

VERSION = "9000"
OLDER = max(path.name for path in migrate.VERSIONS[0].glob("[0-9]*.py")).partition("_")[0]

if __name__ == "__main__":
    migrate.HEAD = VERSION
    migrate.VERSIONS = (*migrate.VERSIONS, Path(__file__).parent / "versions")
    from gateway.__main__ import main

    main()
