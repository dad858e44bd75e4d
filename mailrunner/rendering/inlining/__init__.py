"""CSS inlining: the CSS of a campaign's pages moved into style attributes, compiled once per shape.

One public class, `ShapeInliner`, with the types that it gives: `Inlined`, `Shape`, `Rendered` and
`InliningTally`.  Nothing else is imported from outside this package,
and these by `mailrunner.rendering` alone (import-linter).

    shape_cache   the public class: which of the three ways inlines a message
    plans         a compiled message, verified before first use      slots      where values stand in it
    cached        premailer's steps, each done once                  cascade    which rules reach an element
    selectors     the selectors that need no XPath                   lru        the caches' bounds
    premailer     the reference: all others give what it gives
"""

from mailrunner.rendering.inlining.plans import Shape
from mailrunner.rendering.inlining.shape_cache import Inlined, InliningTally, Rendered, ShapeInliner

__all__ = ["Inlined", "InliningTally", "Rendered", "Shape", "ShapeInliner"]
