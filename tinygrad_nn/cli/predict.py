"""``tinygrad-nn predict``: what a saved model says of new samples."""

from __future__ import annotations

import argparse
import csv
import io
import sys
from typing import Any

from ..files import write_atomically
from . import samples, saved


def add(commands: Any) -> None:
    """Add the parser of this command."""
    parser = commands.add_parser(
        "predict",
        help="tell the classes or numbers of new samples",
        description="Read the model of a run folder and write, for each sample of a file, its class and that class's "
        f"probability, or its number. The file is {samples.KINDS}.",
    )
    parser.add_argument("run_folder", metavar="RUN", help="the folder that train wrote")
    parser.add_argument("input", metavar="INPUT", help="the file of samples")
    parser.add_argument("-o", "--output", metavar="FILE", help="write a CSV file instead of the terminal")
    parser.set_defaults(run=predict, command="predict")


def predict(options: argparse.Namespace) -> int:
    """Run the command with its options."""
    model = saved.read(options.run_folder)
    scores = model.scores(samples.read(options.input, model))
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    if model.classes:
        names = model.names()
        writer.writerow(["sample", "class", "probability"])
        best, probability = samples.labels_of(scores)
        for i, (k, p) in enumerate(zip(best.tolist(), probability.tolist(), strict=True)):
            writer.writerow([i, names[k], f"{p:.6f}"])
    else:
        writer.writerow(["sample", model.note["target"] or "value"])
        for i, row in enumerate(scores.tolist()):
            writer.writerow([i, *[repr(float(v)) for v in row]])
    if options.output is None:
        sys.stdout.write(text.getvalue())
    else:
        write_atomically(options.output, [text.getvalue().encode()], "predict", OSError)
        print(f"written to {options.output}: {len(scores)} samples")
    return 0
