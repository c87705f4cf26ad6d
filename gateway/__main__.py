"""The program `balagh`. Exit codes: 0 well, 1 found a problem, 2 wrong usage or settings."""

from __future__ import annotations

import sys
from typing import NoReturn

from gateway.command_line import app


def main() -> None:
    """Run the command line; a mistake of settings or files is one clear text and exit code 2, never a traceback."""
    from gateway import observe
    from gateway.city.problems import CityError
    from gateway.settings import SettingsError
    from gateway.spool import SpoolBroken
    from gateway.store.engine import StoreDamaged, StoreMismatch, StoreUnavailable
    from gateway.vault import BackupFailed, BackupRefused

    observe.configure("text", stream=sys.stderr)  # what a command prints is its answer; `run` says otherwise
    try:
        app()
    except (SettingsError, CityError, SpoolBroken, BackupRefused) as error:
        _end(f"balagh: {error}", 2)
    except BackupFailed as error:
        _end(f"balagh: {error}", 1)
    except (StoreMismatch, StoreDamaged) as error:
        _end(f"balagh: BALAGH_STORE_URL: {error}", 2)
    except StoreUnavailable as error:
        _end(f"balagh: BALAGH_STORE_URL: the store cannot be reached: {error}", 1)


def _end(text: str, code: int) -> NoReturn:
    print(text, file=sys.stderr)  # noqa: T201 - this is the command line
    sys.exit(code)


if __name__ == "__main__":
    main()
