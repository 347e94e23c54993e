"""Tables of what was measured, and where they are written."""

from __future__ import annotations

import json
import os
import platform
from datetime import date
from importlib import metadata
from pathlib import Path
from typing import Any

from tinygrad_nn.files import write_atomically

from .engines import BASE, ENGINES
from .measure import Row
from .workloads import WORKLOADS

#: What a page may have written: each part stands between two such lines.
TABLES_PART, PROFILE_PART = "benchmarks", "profile"

#: Heading and first column of each table, in order.
TABLES = {
    "workloads": ("", "workload"),
    "graph size": ("Growth with the graph: n scalar operations forward and backward, time per operation", "n"),
    "batch": ("Growth with the batch: train step 784-128-10", "batch"),
    "width": ("Growth with the width: train step n-n-10, batch 64", "n"),
}

Rows = dict[str, Row]


def machine() -> str:
    """Name the processor, its cores and the versions that matter."""
    name = platform.processor() or platform.machine()
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        name = next(line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        pass
    return f"{name}, {os.cpu_count()} cores, {platform.system()}, Python {platform.python_version()}"


def versions(engines: list[str]) -> str:
    """Name the engines' versions."""
    found = []
    for package in dict.fromkeys(ENGINES[e].needs for e in engines):
        try:
            found.append(f"{package} {metadata.version(package.replace('_', '-'))}")
        except metadata.PackageNotFoundError:  # run from a checkout that is not installed
            found.append(package)
    return ", ".join(found)


def heading(cores: int) -> str:
    return f"{cores} core{'s' * (cores > 1)}, {cores} thread{'s' * (cores > 1)}"


def number(x: float) -> str:
    """Write a figure with three digits.

    >>> number(0.123456), number(12.3456), number(12345.6)
    ('0.123', '12.3', '12,346')
    """
    if abs(x) >= 100:
        return f"{x:,.0f}"
    return f"{x:.3g}"


def cell(row: Row, engine: str, scale: float) -> str:
    """Write what an engine took, with its ratio to NumPy."""
    if engine in row.failed:
        return "failed"
    if engine not in row.figures:
        return "–"
    m, base = row.figures[engine], row.figures.get(BASE)
    if engine == BASE or not base or base <= 0:
        return number(m * scale)
    return f"{number(m * scale)} ({m / base:.2f}×)"


def line(name: str, row: Row, engines: list[str]) -> str:
    """Write one row of a table."""
    workload = WORKLOADS[name]
    scale, unit = workload.unit[0], workload.shown_unit
    first = name if workload.table == "workloads" else f"{workload.size:,}"
    return f"| {first} ({unit}) | " + " | ".join(cell(row, e, scale) for e in engines) + " |"


def header(table: str, engines: list[str]) -> str:
    return f"| {TABLES[table][1]} | " + " | ".join(engines) + " |\n" + "|---" * (len(engines) + 1) + "|"


def remarks(rows: Rows, skipped: dict[str, str]) -> list[str]:
    """Say which engine was left out where, and why."""
    found = [f"{e} was left out: {reason}." for e, reason in skipped.items()]
    reasons: dict[tuple[str, str, str], list[str]] = {}
    for name, row in rows.items():
        for kind, said in (("–", row.skipped), ("failed", row.failed)):
            for e, reason in said.items():
                reasons.setdefault((kind, e, reason), []).append(name)
    for (kind, e, reason), names in reasons.items():
        found.append(f"{e} in {', '.join(names)}: {'failed: ' if kind == 'failed' else ''}{reason}.")
    return found


def legend(rows: Rows) -> list[str]:
    return [f"{k}: {WORKLOADS[k].about}." for k in rows if WORKLOADS[k].table == "workloads"]


def markdown(results: dict[int, Rows], engines: list[str], skipped: dict[str, str], settings: str) -> str:
    """Write the whole report: a section for each number of cores."""
    text = [f"{date.today()}. {machine()}; {versions(engines)}. {settings}", ""]
    for cores, rows in results.items():
        text += [f"### {heading(cores)}", ""]
        for table, (title, _) in TABLES.items():
            mine = {k: r for k, r in rows.items() if WORKLOADS[k].table == table}
            if mine:
                text += [f"{title}:", ""] if title else []
                text += [header(table, engines), *(line(k, r, engines) for k, r in mine.items()), ""]
    every = {k: r for rows in results.values() for k, r in rows.items()}
    text += [f"- {said}" for said in (*legend(every), *remarks(every, skipped))]
    return "\n".join(text)


def as_json(results: dict[int, Rows], engines: list[str], skipped: dict[str, str], settings: str) -> str:
    """Write all figures, in seconds or bytes, with quartiles and reasons."""
    cores: dict[str, Any] = {}
    for n, rows in results.items():
        cores[str(n)] = {
            k: {
                "unit": WORKLOADS[k].unit[1].replace("µs", "s").replace("MB", "bytes"),
                "median": r.figures,
                "quartiles": r.spread,
                "first step": r.first,
                "skipped": r.skipped,
                "failed": r.failed,
            }
            for k, r in rows.items()
        }
    whole = {
        "date": str(date.today()),
        "machine": machine(),
        "versions": versions(engines),
        "settings": settings,
        "engines": engines,
        "skipped": skipped,
        "cores": cores,
    }
    return json.dumps(whole, indent=1, ensure_ascii=False) + "\n"


def marked(part: str) -> tuple[str, str]:
    """Give the lines between which a part of a page stands."""
    return f"<!-- {part}: begin -->", f"<!-- {part}: end -->"


def filled(page: str, part: str, report: str) -> str:
    """Give the text of a page with a part of it written anew; ValueError where its two markers are missing.

    >>> filled("a <!-- profile: begin --> b <!-- profile: end --> c", "profile", "new")
    'a <!-- profile: begin -->\\nnew\\n<!-- profile: end --> c'
    """
    begin, end = marked(part)
    if page.count(begin) != 1 or page.count(end) != 1 or page.index(begin) > page.index(end):
        raise ValueError(f"the page needs the line {begin} and, below it, the line {end}, once each")
    return f"{page[: page.index(begin)]}{begin}\n{report}\n{page[page.index(end) :]}"


def write(path: Path, text: str) -> None:
    write_atomically(path, [text.encode()], "benchmarks", OSError)
