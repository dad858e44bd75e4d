"""Documents of other programs, made into templates: Word, Google Docs, LibreOffice, Mailchimp, Stripo.

    containers      a file of any of these as HTML with its pictures, bounded in size      word   .docx
    source          what they give
    markup          HTML in pieces: tags, texts, comments                                  charset
    merge_fields    placeholders of other systems, joined again and read as Jinja
    columns         the column that a placeholder means
    pictures        pictures as inline images of the template
    template        all of it: `template_of(source, columns)`

What a document says is data: it names no file outside of itself and no command.
"""
