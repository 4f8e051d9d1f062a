"""`tandem up`: the whole house on this machine."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from tandem.settings import DEFAULT_DATA, DEFAULT_PORT_BASE, CliSettings


def up(
    data: Annotated[Path, typer.Option(help="Folder of everything it keeps.")] = DEFAULT_DATA,
    port_base: Annotated[
        int, typer.Option(help="First port; the others follow it.")
    ] = DEFAULT_PORT_BASE,
    ready_file: Annotated[
        Path | None, typer.Option(help="JSON file written when everything is ready.")
    ] = None,
    config: Annotated[
        Path | None, typer.Option(help="Declared configuration to apply (tandem.yaml).")
    ] = None,
    verbose: Annotated[
        bool, typer.Option("--verbose", "-v", help="Show the logs of all programs.")
    ] = False,
) -> None:
    """Start servers and services, keep them running, stop them with Ctrl-C."""
    # Temporal's client and NATS take a second to load; no other command waits for them.
    from tandem.house.run import UpOptions, run  # noqa: PLC0415

    options = UpOptions(data, port_base, ready_file, config, verbose)
    raise typer.Exit(run(options, CliSettings.read(), Console()))
