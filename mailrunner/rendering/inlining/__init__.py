"""CSS inlining: the CSS of a campaign's pages moved into style attributes, compiled once per shape.

One public class, `ShapeInliner`, with the types that it gives: `Inlined`, `Shape`, `Rendered` and
`InliningTally`.  Nothing else is imported from outside this package,
and these by `mailrunner.rendering` alone (import-linter).

    shape_cache   the public class: which of the three ways inlines a message
    plans         a compiled message, verified before first use      slots      where values stand in it
    cached        the reference with a memory                        cascade    styles with a memory
    premailer     the reference: all others give what it gives       document   parsed, and written again
    styles        what the rules make of an element                  winners    what wins, also once inlined
    stylesheet    sheets, read and written                           selectors  read, weighed, found
    properties    which of them set the same                         attributes for Outlook
    markup        what libxml2 would repair                          lru        the caches' bounds
"""

from mailrunner.rendering.inlining.plans import Shape
from mailrunner.rendering.inlining.shape_cache import Inlined, InliningTally, Rendered, ShapeInliner

__all__ = ["Inlined", "InliningTally", "Rendered", "Shape", "ShapeInliner"]
