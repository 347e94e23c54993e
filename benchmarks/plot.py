"""The picture of a run: ratios to NumPy, and growth."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from .engines import BASE
from .report import TABLES, Rows, heading
from .workloads import WORKLOADS

COLORS = {
    "numpy": "#6b7280",
    "tinygrad_nn": "#1d4ed8",
    "tinygrad_nn.compile": "#60a5fa",
    "torch": "#dc2626",
    "torch.compile": "#fca5a5",
    "jax": "#16a34a",
    "autograd": "#ca8a04",
    "mygrad": "#9333ea",
}


def plot(results: dict[int, Rows], engines: list[str], path: Path) -> None:
    """Draw a run into a picture file (PNG, SVG, PDF): one line of axes for each number of cores."""
    from matplotlib.figure import Figure

    growth = [t for t in list(TABLES)[1:] if any(WORKLOADS[k].table == t for rows in results.values() for k in rows)]
    widths = [2.2, *(1 for _ in growth)]
    figure = Figure(figsize=(4.2 * sum(widths), 5.4 * len(results)), layout="constrained")
    axes = figure.subplots(len(results), len(widths), squeeze=False, width_ratios=widths)
    for line, (cores, rows) in zip(axes, results.items(), strict=True):
        _ratios(line[0], {k: r for k, r in rows.items() if WORKLOADS[k].table == "workloads"}, engines)
        line[0].set_title(f"time (W10: memory) over hand-written NumPy's, {heading(cores)}")
        for ax, table in zip(line[1:], growth, strict=True):
            _growth(ax, {k: r for k, r in rows.items() if WORKLOADS[k].table == table}, engines)
            ax.set_xlabel(table)
            ax.set_title(f"growth with the {table}")
    handles, labels = axes[0][0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=len(labels), frameon=False)
    figure.savefig(path, dpi=110)


def _ratios(ax: Any, rows: Rows, engines: list[str]) -> None:
    shown = [e for e in engines if e != BASE]
    height = 0.8 / max(len(shown), 1)
    for i, e in enumerate(shown):
        places, values = [], []
        for y, row in enumerate(rows.values()):
            if e in row.figures and row.figures.get(BASE, 0.0) > 0:
                places.append(y - 0.4 + (i + 0.5) * height)
                values.append(row.figures[e] / row.figures[BASE])
        ax.barh(places, [v - 1 for v in values], height, left=1, color=COLORS.get(e), label=e)
    ax.axvline(1.0, color=COLORS[BASE], linewidth=1.5, label=BASE)
    ax.set_xscale("log")
    ax.set_yticks(range(len(rows)), list(rows))
    ax.invert_yaxis()
    ax.grid(axis="x", alpha=0.3)
    ax.spines[["top", "right"]].set_visible(False)


def _growth(ax: Any, rows: Rows, engines: list[str]) -> None:
    for e in engines:
        points = [(WORKLOADS[k].size, r.figures[e]) for k, r in rows.items() if e in r.figures]
        if points:
            xs, ys = zip(*points, strict=True)
            ax.plot(xs, [y * 1e6 for y in ys], "o-", markersize=3, color=COLORS.get(e))
    ax.set_xscale("log")
    ax.set_yscale("log")
    units = {WORKLOADS[k].shown_unit for k in rows}
    ax.set_ylabel(" ".join(sorted(units)))
    ax.grid(alpha=0.3)
    ax.spines[["top", "right"]].set_visible(False)
