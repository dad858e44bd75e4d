"""From a row to the bytes of a message.

    templates.py   Jinja, sandboxed          names.py        which names templates need
    inline.py      CSS into style attributes text.py         the text part from the HTML
    attachments.py files as MIME parts       headers.py      header fields, injection-proof
    references.py  which images a page names private_files.py  what is never sent
    message.py     the MIME tree             content.py      what is the same for all rows
    renderer.py    all of it for one campaign

The rest of the program uses `Renderer`, `Letter` and `Message`.
"""

from mailrunner.rendering.content import MessageSource
from mailrunner.rendering.inlining.premailer import Inliner, PremailerInliner
from mailrunner.rendering.inlining.shape_cache import InliningTally
from mailrunner.rendering.mime import Message, MessageFields
from mailrunner.rendering.renderer import Renderer
from mailrunner.rendering.template_names import RESERVED

__all__ = [
    "RESERVED",
    "Inliner",
    "InliningTally",
    "Message",
    "MessageFields",
    "MessageSource",
    "PremailerInliner",
    "Renderer",
]
