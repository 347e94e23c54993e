"""The command ``python -m benchmarks``: its options, and what it prints and writes."""

from __future__ import annotations

import argparse
import importlib.util
import os
import sys
from pathlib import Path
from typing import NoReturn

from . import report
from .engines import BASE, ENGINES, why_not
from .measure import Row, measure
from .workloads import MEMORY_STEPS, WORKLOADS, chosen

EPILOG = """Each engine works in a process of its own. The processes take turns, one round each, so that a drift of the
machine's speed hits all alike. A figure is the median over the rounds; in brackets is its ratio to hand-written NumPy
of the same run. Before timing, every engine's numbers are compared with NumPy's: an engine that computes something else
is not timed, and the exit code is 1."""

SECONDS, QUICK_SECONDS = 0.03, 0.005
ROUNDS, QUICK_ROUNDS = 15, 3


class Parser(argparse.ArgumentParser):
    """argparse's parser, with errors of one line."""

    def error(self, message: str) -> NoReturn:
        """Print one line and exit with code 2."""
        self.exit(2, f"{self.prog}: {message}; see {self.prog} --help\n")


def parser() -> Parser:
    """Give the parser of the options."""
    p = Parser(
        prog=os.environ.get("BENCHMARKS_PROG", "python -m benchmarks"),
        description="Time the same workloads in every installed engine, beside hand-written NumPy.",
        epilog=EPILOG,
        allow_abbrev=False,
    )
    add = p.add_argument
    add("--engines", nargs="+", metavar="ENGINE", help=f"of {', '.join(ENGINES)} (default: all that are installed)")
    add("--workloads", nargs="+", metavar="W", default=[], help="such as W1 W4-1e6 batch (default: all); see --list")
    add(
        "--cores", nargs="+", type=int, metavar="N", help="cores and threads of each process; several give a table each"
    )
    add("--rounds", type=int, help=f"rounds of each workload (default: {ROUNDS})")
    add("--quick", action="store_true", help="short rounds, few of them, and only the small workloads")
    add("--json", type=Path, metavar="PATH", help="write all figures to this file")
    add("--plot", type=Path, metavar="PATH", help="draw them into this picture (.png, .svg, .pdf)")
    add("--page", type=Path, metavar="PATH", help="write tables and profiles into this page, between its markers")
    add("--profile", metavar="W", help="say instead where the time of one eager step of a workload goes")
    add("--list", action="store_true", help="list the workloads and the engines")
    return p


def main(arguments: list[str] | None = None) -> int:
    """Run the command line and give its exit code: 0, 1 where an engine failed, 2 for bad input."""
    p = parser()
    options = p.parse_args(arguments)
    try:
        if options.list:
            print(listing())
            return 0
        if options.profile:
            from .profiling import profile

            for cores in _cores(options.cores):
                print(profile(_one(options.profile), cores))
            return 0
        return run(options)
    except (ValueError, OSError, RuntimeError, ImportError) as problem:
        print(f"{p.prog}: {' '.join(str(problem).split())}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(f"{p.prog}: interrupted", file=sys.stderr)
        return 130


def _one(name: str) -> str:
    found = chosen([name])
    if found[0] in MEMORY_STEPS:
        raise ValueError(f"--profile: {name} measures memory; its step is that of W3")
    if len(found) > 1:
        raise ValueError(f"--profile: {name} stands for {', '.join(found)}; take one")
    return found[0]


def listing() -> str:
    """List workloads and engines."""
    wide = max(map(len, WORKLOADS))
    lines = [f"{k:{wide}}  {w.about}" for k, w in WORKLOADS.items()]
    lines.append("")
    for e, spec in ENGINES.items():
        reason = why_not(e)
        lines.append(f"{e:20}  {spec.about or 'eager'}{f' (left out: {reason})' if reason else ''}")
    return "\n".join(lines)


def run(options: argparse.Namespace) -> int:
    """Measure, print the tables as they come, and write what was asked for."""
    names = chosen(options.workloads, options.quick)
    engines, skipped = _engines(options.engines)
    if options.quick and not options.engines and "torch.compile" in engines:
        engines.remove("torch.compile")
        skipped["torch.compile"] = "--quick does not wait for its compiler (name it with --engines)"
    every_cores = _cores(options.cores)
    rounds = options.rounds if options.rounds is not None else QUICK_ROUNDS if options.quick else ROUNDS
    if rounds < 1:
        raise ValueError(f"--rounds: {rounds} must be at least 1")
    _check_outputs(options)
    settings = f"Medians of {rounds} rounds (fewer where a step is slow); ratios to hand-written NumPy in brackets."
    if kernels := [f"{k}={v}" for k, v in sorted(os.environ.items()) if k.startswith(("OPENBLAS_", "MKL_"))]:
        settings += f" Set for the matrix products: {', '.join(kernels)}."
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
    if load > 0.3:
        settings += f" The machine was busy with something else when it began (load {load:.1f})."
    print(f"{report.machine()}; {report.versions(engines)}. {settings}")
    results: dict[int, report.Rows] = {}
    for cores in every_cores:
        rows = results[cores] = {}
        table = ""
        print(f"\n{report.heading(cores)}")
        for name in names:
            if WORKLOADS[name].table != table:
                table = WORKLOADS[name].table
                title = report.TABLES[table][0]
                print((f"\n{title}:" if title else "") + f"\n{report.header(table, engines)}", flush=True)
            same = next((k for k in rows if WORKLOADS[k].work == WORKLOADS[name].work), None)
            seconds = QUICK_SECONDS if options.quick else SECONDS
            rows[name] = rows[same] if same else measure(name, engines, cores, rounds, seconds)
            print(report.line(name, rows[name], engines), flush=True)
    every: dict[str, Row] = {k: r for rows in results.values() for k, r in rows.items()}
    print()
    for said in (*report.legend(every), *report.remarks(every, skipped)):
        print(f"- {said}")
    if options.json:
        report.write(options.json, report.as_json(results, engines, skipped, settings))
    if options.plot:
        from .plot import plot

        plot(results, engines, options.plot)
    if options.page:
        _write_page(options.page, report.markdown(results, engines, skipped, settings), min(every_cores))
    return 1 if any(row.failed for rows in results.values() for row in rows.values()) else 0


def _filled(page: Path, tables: str, profiles: str) -> str:
    text = page.read_text(encoding="utf-8")
    return report.filled(report.filled(text, report.TABLES_PART, tables), report.PROFILE_PART, profiles)


def _write_page(page: Path, tables: str, cores: int) -> None:
    """Write the tables and the profiles into a page."""
    from .profiling import SHOWN, profile

    profiles = "\n\n".join(profile(name, cores) for name in SHOWN)
    report.write(page, _filled(page, tables, profiles))


def _engines(asked: list[str] | None) -> tuple[list[str], dict[str, str]]:
    """Give the engines to measure, NumPy first, and why others are left out."""
    if unknown := [e for e in asked or [] if e not in ENGINES]:
        raise ValueError(f"--engines: no engine {unknown[0]!r}; there are {', '.join(ENGINES)}")
    wanted = list(dict.fromkeys([BASE, *(asked or ENGINES)]))
    reasons = {e: why_not(e) for e in wanted}
    return [e for e in wanted if reasons[e] is None], {e: r for e, r in reasons.items() if r is not None}


def _cores(asked: list[int] | None) -> list[int]:
    """Give the numbers of cores to measure with, all that there are if none was asked for."""
    available = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    if wrong := [n for n in asked or [] if not 1 <= n <= available]:
        raise ValueError(f"--cores: {wrong[0]} is not between 1 and {available}, the cores that this process may use")
    return list(dict.fromkeys(asked or [available]))


def _check_outputs(options: argparse.Namespace) -> None:
    """Raise before anything is measured where a result could not be written."""
    for name in ("json", "plot", "page"):
        path = getattr(options, name)
        if path is not None and not path.resolve().parent.is_dir():
            raise ValueError(f"--{name}: there is no folder {path.resolve().parent}")
        if path is not None and path.is_dir():
            raise ValueError(f"--{name}: {path} is a folder; give a file")
    if options.page and not options.page.is_file():
        raise ValueError(f"--page: there is no file {options.page}")
    if options.plot:
        if importlib.util.find_spec("matplotlib") is None:
            raise ValueError('--plot: needs matplotlib; pip install "tinygrad_nn[plots]"')
        if options.plot.suffix not in (".png", ".svg", ".pdf"):
            raise ValueError(f"--plot: {options.plot} must end with .png, .svg or .pdf")
    if options.page:
        _filled(options.page, "", "")
