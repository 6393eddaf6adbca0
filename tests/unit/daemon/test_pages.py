"""Markdown as a page."""

import pytest

from controlplane.daemon.pages import anchor_of, markdown_to_html


@pytest.mark.parametrize(
    ("heading", "anchor"),
    [
        ("ClaudeMemoryMCPDown", "claudememorymcpdown"),
        ("What to do first?", "what-to-do-first"),
        ("`cmctl up` fails", "cmctl-up-fails"),
        ("故障排除", "故障排除"),
        ("P0 - 紧急 (< 15分钟响应)", "p0---紧急--15分钟响应"),
    ],
)
def test_anchors_are_those_of_github(heading: str, anchor: str) -> None:
    assert anchor_of(heading.replace("`", "")) == anchor


def test_headings_get_anchors_and_raw_html_is_escaped() -> None:
    title, html = markdown_to_html("# Title\n\n## Twice\n\n## Twice\n\n<script>x</script>\n\n| a |\n|---|\n| b |\n")
    assert title == "Title"
    assert '<h2 id="twice">' in html and '<h2 id="twice-1">' in html
    assert "<script>" not in html
    assert "<table>" in html
