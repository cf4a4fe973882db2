"""The arrows between the folders: who may include whom, and where a third party may be named."""

import re

import tree

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')
NAMES_ONLY = {"sys/types.h"}  # pid_t
KERNEL = ("sys/", "linux/", "arpa/", "netinet/", "asm/")
C_LIBRARY = {
    "dirent.h", "fcntl.h", "grp.h", "poll.h", "pwd.h", "sched.h", "signal.h", "spawn.h",
    "mqueue.h", "syscall.h", "termios.h", "ucontext.h", "unistd.h", "immintrin.h",
    "x86intrin.h",
}
THIRD_PARTY = {
    # prefix of the header: the files or folders that may include it
    "boost/": ("src/lane/", "src/modes/", "src/lab/", "src/bench/channels/", "tests/"),
    "cereal/": ("include/cortado/typed.hpp", "include/cortado/archive.hpp",
                "include/cortado/archive_rules.hpp", "tests/"),
    "spdlog/": ("tools/",),
    "fmt/": ("tools/",),
    "CLI/": ("tools/",),
    "nlohmann/": ("src/lab/", "tools/", "tests/"),
    "sqlite3.h": ("src/journal/", "tests/fuzz/", "tests/journal/", "tests/process/"),
    "xxhash.h": ("src/modes/", "tests/"),
    "zmq.h": ("src/bench/channels/",),
    "nng/": ("src/bench/channels/",),
    "readerwriterqueue/": ("src/bench/channels/",),
    "concurrentqueue/": ("src/bench/channels/",),
    "benchmark/": ("tests/bench/",),
    "gtest/": ("tests/",),
    "gmock/": ("tests/",),
}

# Folder: what it may include of ours. "std" alone: not even the kernel.
ARROWS = {
    "include/cortado": {"cortado"},
    "src/ring": {"ring"},
    "src/os": {"os", "cortado/result.hpp", "cortado/export.hpp"},
    "src/lane": {"lane", "ring", "os", "cortado"},
    "src/owner": {"owner", "writer", "lane", "ring", "os", "cortado"},
    "src/writer": {"writer", "lane", "ring", "os", "cortado"},
    "src/typed": {"typed", "cortado"},
    "src/journal": {"journal", "os", "cortado"},
    "src/group": {"group", "lane", "os", "cortado"},
    "src/modes": {"modes", "os", "cortado"},
    "src/lab": {"lab", "modes", "os", "cortado"},
    "src/bench": {"bench", "lab", "modes", "os", "cortado"},
    "tools": {"tools", "bench", "lab", "modes", "cortado"},
}
WITHOUT_KERNEL = ("include/cortado", "src/ring", "src/typed")


def folder_of(path: str):
    return next((f for f in ARROWS if path.startswith(f + "/")), None)


def complaint(path: str, quote: str, header: str):
    """Why `path` may not include `header`, or None."""
    for prefix, places in THIRD_PARTY.items():
        if header.startswith(prefix):
            return None if path.startswith(places) else f"only {', '.join(places)} may"
    folder = folder_of(path)
    if folder is None:  # tests may look at everything
        return None
    if header in NAMES_ONLY:
        return None if folder != "src/ring" else "src/ring knows no kernel"
    if header.startswith(KERNEL) or header in C_LIBRARY:
        return f"{folder} knows no kernel" if folder in WITHOUT_KERNEL else None
    if quote == "<" and "/" not in header and "." not in header:
        return None  # the standard library
    may = ARROWS[folder]
    if header in may:
        return None
    own = header.split("/")[0] if "/" in header else folder.split("/")[-1]
    if own in may:
        return None
    return f"{folder} may include of ours only {', '.join(sorted(may))}"


def main():
    top = tree.root()
    checked, complaints = 0, []
    for path in tree.files(top):
        text = (top / path).read_text(encoding="utf-8")
        for number, line in enumerate(text.splitlines(), 1):
            match = INCLUDE.match(line)
            if not match:
                continue
            checked += 1
            why = complaint(path.as_posix(), *match.groups())
            if why:
                complaints.append(f"{path}:{number}: {match.group(2)}: {why}")
    tree.tell(checked, complaints)


if __name__ == "__main__":
    main()
