"""Write the contract's JSON schemas to libs/common/schemas; a test compares them with the code.

.venv/bin/python tools/write_schemas.py
"""

from pathlib import Path

from tandem_common.testing.schemas import schemas

FOLDER = Path(__file__).parent.parent / "libs" / "common" / "schemas"

if __name__ == "__main__":
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, text in schemas().items():
        (FOLDER / f"{name}.json").write_text(text, encoding="utf-8")
