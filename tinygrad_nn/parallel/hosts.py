"""Files of machines: one name[:processes] a line."""

from __future__ import annotations

import re
from collections.abc import Iterable

#: A name or address of a machine, and how many processes it takes.
LINE = re.compile(r"(?P<name>[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?)(?::(?P<count>[0-9]+))?")


def hosts_of(lines: Iterable[str], processes: int) -> list[tuple[str, int]]:
    """Give the machines of a file's lines and how many processes each may run, as many as are needed or more.

    A line is ``name`` or ``name:processes``; empty lines and what follows a ``#`` are left out. Machines without a
    number share evenly what the others leave. Raises ValueError for a line that is neither, for a file without a
    machine and where the machines take fewer processes than there are.

    >>> hosts_of(["alpha:2  # the large one", "", "beta"], 3)
    [('alpha', 2), ('beta', 1)]
    """
    found: dict[str, int] = {}
    for number, text in enumerate(lines, 1):
        entry = text.partition("#")[0].strip()
        if not entry:
            continue
        parts = LINE.fullmatch(entry)
        if parts is None or (parts["count"] and not 0 < int(parts["count"]) < 10**6):
            raise ValueError(f"line {number} is {entry!r:.60}; write a machine as name or name:processes, 'alpha:2'")
        if parts["name"] in found:
            raise ValueError(f"line {number} names {parts['name']!r:.60} again; give it once, with all its processes")
        found[parts["name"]] = int(parts["count"] or 0)
    if not found:
        raise ValueError("there is no machine in it; write one name or name:processes a line")
    given = sum(found.values())
    open_ended = [name for name, count in found.items() if not count]
    if open_ended:
        share = max(1, -(-(processes - given) // len(open_ended)))
        found |= dict.fromkeys(open_ended, share)
    elif given < processes:
        raise ValueError(f"its machines take {given} processes and {processes} are asked for; raise the numbers")
    return list(found.items())
