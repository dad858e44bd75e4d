# ruff: noqa: N802 - Jinja's compiler calls them so
"""Jinja's compiler, which puts the counting into templates where Jinja leaves no hook for it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from jinja2 import nodes
from jinja2.compiler import CodeGenerator, Frame, operators

from mailrunner.config.jinja_sandbox.work_meter import STEP

_INCLUDED = 1000  # units of an included template


class BoundedCode(CodeGenerator):
    """Jinja's code, with calls of `environment` where something would go uncounted."""

    def visit_For(self, node: nodes.For, frame: Frame) -> None:
        """Charge for each turn, by what there is to do in one."""
        weight = STEP + sum(1 for part in node.body for _ in part.find_all(nodes.Node))
        turns = nodes.EnvironmentAttribute("steps", lineno=node.lineno)
        within, arguments = node.iter, [node.iter, nodes.Const(weight, lineno=node.lineno)]
        node.iter = nodes.Call(turns, arguments, [], None, None, lineno=node.lineno)
        try:
            super().visit_For(node, frame)
        finally:
            node.iter = within

    def visit_Include(self, node: nodes.Include, frame: Frame) -> None:
        """Charge for the template, which may include others, or itself."""
        self.writeline(f"environment.charge({_INCLUDED})", node)
        super().visit_Include(node, frame)

    def visit_Import(self, node: nodes.Import, frame: Frame) -> None:
        """As an include: what is imported is rendered."""
        self.writeline(f"environment.charge({_INCLUDED})", node)
        super().visit_Import(node, frame)

    def visit_FromImport(self, node: nodes.FromImport, frame: Frame) -> None:
        """As an include."""
        self.writeline(f"environment.charge({_INCLUDED})", node)
        super().visit_FromImport(node, frame)

    def visit_Compare(self, node: nodes.Compare, frame: Frame) -> None:
        """Charge for both sides."""
        self.write("(")
        self._weighed(node.expr, frame)
        for operand in node.ops:
            self.visit(operand, frame)
        self.write(")")

    def visit_Operand(self, node: nodes.Operand, frame: Frame) -> None:
        """The operator of a comparison, and its right side."""
        self.write(f" {operators[node.op]} ")
        self._weighed(node.expr, frame)

    def visit_Concat(self, node: nodes.Concat, frame: Frame) -> None:
        """Charge for the text that `~` has made: no more than there was on both sides."""
        self.write("environment.weighed(")
        super().visit_Concat(node, frame)
        self.write(")")

    def visit_Getitem(self, node: nodes.Getitem, frame: Frame) -> None:
        """Charge for what a slice is taken from."""
        if not isinstance(node.arg, nodes.Slice):
            super().visit_Getitem(node, frame)
            return
        self._weighed(node.node, frame)
        self.write("[")
        self.visit(node.arg, frame)
        self.write("]")

    def visit_List(self, node: nodes.List, frame: Frame) -> None:
        """Charge for a list and all that is in it."""
        self._literal(node, super().visit_List, frame)

    def visit_Tuple(self, node: nodes.Tuple, frame: Frame) -> None:
        """As a list; a tuple of names that are set is none."""
        if node.ctx == "load":
            self._literal(node, super().visit_Tuple, frame)
        else:
            super().visit_Tuple(node, frame)

    def visit_Dict(self, node: nodes.Dict, frame: Frame) -> None:
        """As a list."""
        self._literal(node, super().visit_Dict, frame)

    def _literal(self, node: nodes.Literal, visit: Callable[[Any, Frame], None], frame: Frame) -> None:
        is_constant = all(isinstance(item, nodes.Const) for item in node.iter_child_nodes())
        self.write("(" if is_constant else "environment.weighed(")
        visit(node, frame)
        self.write(")")

    def _weighed(self, node: nodes.Expr, frame: Frame) -> None:
        if isinstance(node, nodes.Const):
            self.visit(node, frame)
            return
        self.write("environment.weighed(")
        self.visit(node, frame)
        self.write(")")
