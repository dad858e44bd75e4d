"""A line that is joined without Jinja is the line that Jinja makes."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailrunner.errors import RowError
from mailrunner.rendering.single_line import LineTemplate
from mailrunner.rendering.templates import Templates

LINES = (
    "Spring is here",
    "{{ name }}, spring is here",
    "{{ name }}{{ city }} - {{ name }} {#- no -#} !",
    "{{ name }} {{ self }}",
    "{{ name|upper }}",
    "{% if name %}{{ name }}{% endif %}",
    "{{ range }} {{ 'x' }}",
    "{{ gone }}",
    "",
)

values = st.text(max_size=20) | st.none() | st.integers() | st.just("x" * 2000) | st.just("{{ name }}")


@pytest.mark.parametrize("source", LINES)
def test_a_line_is_what_the_template_gives(tmp_path: Path, source: str) -> None:
    template = Templates(folder=tmp_path, templates_dir=tmp_path).line("[message] subject", source)
    line = LineTemplate(template)

    @given(context=st.fixed_dictionaries({"name": values, "city": values}, optional={"self": values}))
    def holds(context: dict[str, object]) -> None:
        try:
            expected = template.render(context)
        except RowError as error:
            with pytest.raises(RowError) as caught:
                line.render(context)
            assert str(caught.value) == str(error)
        else:
            assert line.render(context) == expected

    holds()
