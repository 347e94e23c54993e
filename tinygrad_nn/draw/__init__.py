"""Pictures of the graph: static, as a table, and as a page to play with."""

from .drawing import Drawing, DrawingError, Saved, draw
from .render import RendererNotFound, RenderError
from .table import Table, table

__all__ = ["Drawing", "DrawingError", "RenderError", "RendererNotFound", "Saved", "Table", "draw", "table"]
