"""Options several commands share."""

from pathlib import Path
from typing import Annotated

import typer

from tandem.settings import DEFAULT_DATA

DataOption = Annotated[
    Path,
    typer.Option("--data", help="Folder of the running house.", show_default=str(DEFAULT_DATA)),
]
JsonOption = Annotated[bool, typer.Option("--json", help="One JSON object a line.")]
