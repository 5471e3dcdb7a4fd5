"""Values planted to be looked for where they must not be (rule 10)."""

from pathlib import Path


def places(folder: Path, value: str, pattern: str = "*") -> set[str]:
    """The files below a folder that hold a value in clear, by the first part of their path."""
    files = (file for file in folder.rglob(pattern) if file.is_file())
    return {file.relative_to(folder).parts[0] for file in files if value.encode() in file.read_bytes()}
