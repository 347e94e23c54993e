"""Pictures of the graph: static, as a table, and as a page to play with."""

from .drawing import Drawing, draw
from .explore import explore
from .render import RendererNotFound, RenderError
from .saved import DrawingError, Saved
from .table import Table, table

__all__ = ["Drawing", "DrawingError", "RenderError", "RendererNotFound", "Saved", "Table", "draw", "explore", "table"]
