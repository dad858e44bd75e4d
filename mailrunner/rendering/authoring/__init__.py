"""Messages that are written in Markdown or MJML: made into HTML and text templates, once per campaign.

    jinja_marks       Jinja's braces as words that no converter reads, and back again, with their lines
    front_matter      the settings at the head of a Markdown file
    statements        where a statement on a line of its own stands among lists, tables and paragraphs
    markdown          a Markdown file as templates        markdown_html, markdown_text   its two outputs
    frame             the ready page around it            mjml                           an MJML file

A value of a row is never read as Markdown or MJML: it is put in by Jinja, into what was converted before.
"""
