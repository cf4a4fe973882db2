"""What the style checks share: which files there are, and how a verdict is told."""

import pathlib
import sys

CODE = (".hpp", ".cpp", ".h", ".c")
FOLDERS = ("include", "src", "tools", "tests")


def root() -> pathlib.Path:
    if len(sys.argv) != 2:
        sys.exit(f"usage: {sys.argv[0]} SOURCE_ROOT")
    return pathlib.Path(sys.argv[1]).resolve()


def files(top: pathlib.Path, *folders: str, suffixes=CODE):
    """Paths relative to `top`, sorted."""
    for folder in folders or FOLDERS:
        for path in sorted((top / folder).rglob("*")):
            if path.suffix in suffixes and path.is_file():
                yield path.relative_to(top)


def tell(checked: int, complaints: list) -> None:
    """Ends the program. Nothing to check is a failure: the check would prove nothing."""
    for complaint in complaints:
        print(complaint)
    if checked == 0:
        print("nothing found to check: is this the source root?")
    print(f"{checked} checked, {len(complaints)} complaints")
    sys.exit(1 if complaints or checked == 0 else 0)
