"""python -m tandem_adapters PLATFORM."""

import sys
from pathlib import Path

from tandem_common.runtime.service import run

from .docs import pages
from .registry import PLATFORMS
from .service import build
from .settings import AdapterSettings

_DOCS = "docs"


def _write_docs(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for platform, text in pages().items():
        (folder / f"{platform}.md").write_text(text, encoding="utf-8")


def main(*words: str) -> None:
    """Run the adapter of one platform, or write the platforms' pages: `docs FOLDER`."""
    name = words[0] if words else AdapterSettings().platform
    if name == _DOCS:
        _write_docs(Path(words[1] if words[1:] else "docs/platforms"))
        return
    if name not in PLATFORMS:
        known = ", ".join(sorted(PLATFORMS))
        print(f"no platform is called {name!r}; there are: {known}", file=sys.stderr)
        sys.exit(2)
    run(build(AdapterSettings(platform=name)))


if __name__ == "__main__":
    main(*sys.argv[1:])
