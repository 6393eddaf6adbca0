"""Selectors are parsed and rendered, never concatenated."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controlplane.domain.slo.selector import Matcher, Selector, parse_selector


@pytest.mark.parametrize(
    ("text", "rendered"),
    [
        ("up", "up"),
        ("up{}", "up"),
        ('up{job="a"}', 'up{job="a"}'),
        ("up { job = 'a' , x!~\"b.*\", }", 'up{job="a",x!~"b.*"}'),
        (r'up{path="a\"b\\c"}', r'up{path="a\"b\\c"}'),
        ("slo:sli_error:ratio_rate5m", "slo:sli_error:ratio_rate5m"),
    ],
)
def test_parse_and_render(text: str, rendered: str) -> None:
    assert str(parse_selector(text)) == rendered


@pytest.mark.parametrize(
    "text", ["", "up[5m]", "rate(up[5m])", "up{job}", 'up{job="a"', 'up{job="a"} > 1', "up{job=a}", "1up"]
)
def test_what_is_no_selector_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not a series selector"):
        parse_selector(text)


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"], exclude_characters="\r\t"), max_size=20))
def test_any_value_survives_quoting(value: str) -> None:
    selector = Selector("up", (Matcher("job", "=", value),))
    assert parse_selector(str(selector)) == selector
