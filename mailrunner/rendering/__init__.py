"""From a row to the bytes of a message.

    renderer           all of it for one campaign
    content            what does not depend on the row: templates and files, read and checked once
    templates          Jinja, sandboxed: reads and compiles   compiled_template  renders one for a row
    template_names     which names templates need             segments           values told apart from text
    bodies             HTML and text of one message           inlining/          CSS into style attributes
    html_to_text       the text part from the HTML            text_plans         laid out once, then filled
    headers            header fields, injection-proof         mime               the MIME tree
    quoted_printable   the encoding of texts                  lint               remarks on a message
    attachments        the entries of `attachments`           inline_images      images that a page names
    project_files      files of the project as MIME parts     media_types        the type of a file
    private_files      files that are never sent

The rest of the program uses `Renderer`, `MessageFields` and `Message`.
"""

from mailrunner.rendering.content import MessageSource
from mailrunner.rendering.inlining import InliningTally
from mailrunner.rendering.mime import Message, MessageFields
from mailrunner.rendering.renderer import Renderer
from mailrunner.rendering.template_names import RESERVED

__all__ = ["RESERVED", "InliningTally", "Message", "MessageFields", "MessageSource", "Renderer"]
