"""Draw the DOT text of standard input with pygraphviz; `render` runs this file alone, as a script.

Arguments: the folder that holds the package pygraphviz, the format, and seconds after which to give up.
"""

import signal
import sys


def main(folder: str, format: str, limit: str) -> None:
    # `render` ends this process when its time is over. If `render` itself is killed first, the alarm does: its default
    # action ends the process within C code as well.
    if hasattr(signal, "alarm"):
        signal.alarm(int(limit))
    sys.path.append(folder)  # at the end, so that nothing in there shadows the standard library
    try:
        import pygraphviz

        # A context declares that a node without a label shows its name. pygraphviz makes its own only after reading,
        # when nodes without a label have become nodes with an empty one, if any other has a label.
        pygraphviz.graphviz.gvContextWithBuiltins()
        drawing = pygraphviz.AGraph(string=sys.stdin.buffer.read().decode()).draw(format=format, prog="dot")
    except Exception as problem:
        sys.exit(f"{type(problem).__name__}: {problem}")
    sys.stdout.buffer.write(drawing)


if __name__ == "__main__":
    main(*sys.argv[1:])
