"""Files as functions of C++ that return their text: embed.py OUTPUT FUNCTION=FILE...

A FILE that is empty or missing makes a function that returns nothing. In pieces, because a compiler
need not take string literals longer than 64 KiB.
"""

import pathlib
import sys

PIECE = 8000


def literal(data):
    return '"' + "".join(f"\\{byte:03o}" for byte in data) + '"'


def function(name, path):
    data = pathlib.Path(path).read_bytes() if path else b""
    pieces = [data[at:at + PIECE] for at in range(0, len(data), PIECE)]
    lines = "".join(f"\n  static constexpr char k{i}[] = {literal(piece)};" for i, piece in enumerate(pieces))
    joins = "".join(f"\n    all.append(k{i}, {len(piece)});" for i, piece in enumerate(pieces))
    return (f"std::string_view {name}() noexcept {{{lines}\n  static const std::string whole = [] {{\n"
            f"    std::string all;{joins}\n    return all;\n  }}();\n  return whole;\n}}\n")


def main():
    output, *pairs = sys.argv[1:]
    functions = [function(*pair.split("=", 1)) for pair in pairs]
    pathlib.Path(output).write_text(
        '#include <string>\n\n#include "lab/report/files.hpp"\n\nnamespace cortado::lab {\n\n'
        + "\n".join(functions) + "\n}  // namespace cortado::lab\n", encoding="ascii")


if __name__ == "__main__":
    main()
