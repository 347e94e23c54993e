"""Write a model as an ONNX file: the recorded graph of one forward pass, operation by operation."""

from .builder import ExportError
from .export import export_onnx

__all__ = ["ExportError", "export_onnx"]
