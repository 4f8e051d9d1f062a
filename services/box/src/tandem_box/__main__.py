"""python -m tandem_box."""

from tandem_common.runtime.service import run

from .service import build
from .settings import BoxSettings

if __name__ == "__main__":
    run(build(BoxSettings()))
