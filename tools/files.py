"""Writing text files so that nothing is lost: all of them or none, always UTF-8."""

import os
from pathlib import Path


def write_all(texts: dict) -> None:
    """Writes path → text; every file is complete under a temporary name before the first old one is replaced."""
    ready = []
    try:
        for path, text in texts.items():
            temporary = Path(f"{path}.part")
            ready.append(temporary)
            temporary.write_text(text, encoding="utf-8", newline="")
            if not os.access(path, os.W_OK) and os.path.exists(path):
                raise PermissionError(f"{path} is write-protected; nothing was changed.")
        for temporary, path in zip(ready, texts, strict=True):
            os.replace(temporary, path)
    finally:
        for temporary in ready:
            temporary.unlink(missing_ok=True)
