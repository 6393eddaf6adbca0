"""Reports as text, page and PDF: the same facts, both languages whole, and hostile text that stays text."""

import asyncio
import io
import re
import string
from dataclasses import replace
from functools import cache
from html.parser import HTMLParser
from pathlib import Path

import pytest
from markdown_it import MarkdownIt
from pypdf import PdfReader

from controlplane.adapters.report.render import ReportRenderer
from controlplane.domain.alert import Alert
from controlplane.domain.maintenance import Exclusion
from controlplane.domain.slo.incidents import IncidentHistory
from controlplane.domain.slo.report import AlertHistory, Report
from controlplane.services.slo.report.alert_facts import alert_fact
from controlplane.services.slo.report.compose import compose
from controlplane.services.slo.report.document import Document
from controlplane.services.slo.report.words import LANGUAGES, WORDS, Language
from tests.support.reports import (
    AVAILABILITY,
    ERRORS,
    INCIDENTS,
    WrittenSamples,
    alert,
    at,
    incident,
    make_report,
    ms,
    story,
)

GOLDEN = Path(__file__).parent / "golden"
EVIL = "<script>alert(1)</script>|`x`|[a](javascript:alert(1)) \"' #let $x$ {{ 7*7 }} *b* \\ 中文"


class _Page(HTMLParser):
    """What a page holds: every element with its attributes, and the text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


@cache
def _report() -> Report:
    return replace(asyncio.run(make_report()), incidents=INCIDENTS)


@cache
def _document(language: Language, hostile: bool = False) -> Document:
    return compose(_hostile() if hostile else _report(), language, "UTC")


@cache
def _content(language: Language, form: str, hostile: bool = False) -> bytes:
    return ReportRenderer().render(_document(language, hostile), form)


def _text(language: Language, form: str, hostile: bool = False) -> str:
    return _content(language, form, hostile).decode()


def _pdf_text(language: Language, hostile: bool = False) -> str:
    pages = PdfReader(io.BytesIO(_content(language, "pdf", hostile))).pages
    return "\n".join(page.extract_text() for page in pages)


@cache
def _hostile() -> Report:
    """A report whose alerts, reasons and messages are as bad as they can be."""
    posted = Alert(
        fingerprint="0",
        name=EVIL,
        state="resolved",
        severity=EVIL,
        priority="P0",
        starts_at=at(2, 601),
        ends_at=at(2, 631),
        received_at=at(2, 631),
        labels={"service": "claude-memory-mcp", "alertname": EVIL},
        annotations={"summary": EVIL, "summary_zh": EVIL, "runbook_url": "javascript:alert(1)"},
        generator_url='https://x.example/"><script>alert(2)</script>?a=b|c)',
        acknowledged_by=EVIL,
    )
    samples = story()
    samples.refuse(str(AVAILABILITY.indicator.gauge), ms(at(3, 300)), ms(at(3, 301)))  # type: ignore[union-attr]
    history = AlertHistory((alert_fact(posted),), None, (EVIL,))
    exclusions = (Exclusion(1, EVIL, EVIL, at(4, 120), at(4, 180), True),)
    report = asyncio.run(make_report(AVAILABILITY, ERRORS, samples=samples, history=history, exclusions=exclusions))
    told = incident("INC-1", at(2, 601), at(2, 631), title=EVIL, title_zh=EVIL, acknowledged_by=EVIL, url="")
    return replace(report, incidents=IncidentHistory((replace(told, acknowledged_at=at(2, 602)),)))


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_text_is_the_golden_one(language: Language) -> None:
    """The figures are those of tests/unit/services/slo/report/test_make.py, computed by hand there."""
    text = _text(language, "md")
    assert text == (GOLDEN / f"report.{language}.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("language", LANGUAGES)
def test_page_text_and_pdf_say_the_same(language: Language) -> None:
    """Every number, date and word of the text is on the page and in the PDF, whatever the spacing."""
    document = _document(language)
    page = _squeezed(_Page(_text(language, "html")).text)
    printed = _squeezed(_pdf_text(language))
    cells = [
        "".join(one.text for one in cell)
        for section in document.sections
        for block in section.blocks
        if hasattr(block, "rows")
        for row in block.rows
        for cell in row
    ]
    said = [document.title, document.verdict_text, document.sentence, *cells]
    said += [block.note for section in document.sections for block in section.blocks if hasattr(block, "note")]
    for text in said:
        assert _squeezed(text) in page
        # The PDF breaks lines and cells where it must; its words are all there.
        for word in re.findall(r"[0-9][0-9:.,–−-]+", text):
            assert word in printed


def _squeezed(text: str) -> str:
    return re.sub(r"[\s\u200b]+", "", text)


def test_no_language_shows_in_the_other() -> None:
    chinese, english = _text("zh", "md"), _text("en", "md")
    assert not re.search(r"[\u4e00-\u9fff]", english)
    code = re.compile(r"`[^`]*`|\]\([^)]*\)")
    words = set(re.findall(r"[A-Za-z]{3,}", code.sub("", chinese)))
    names = "SLA SLI MTTA MTTR UTC Asia Shanghai Prometheus Claude claude memory mcp PostgreSQL"
    data = "availability errors backup freshness qdrant ClaudeMemoryMCPDown DiskFull critical warning bob alice mallory"
    reasons = "Upgrade Forgot say http prometheus example host INC"
    assert words <= set(f"{names} {data} {reasons}".split())


def test_both_languages_have_the_same_places() -> None:
    for key, texts in WORDS.items():
        english, chinese = ({name for _, name, _, _ in string.Formatter().parse(text) if name} for text in texts)
        assert english == chinese, key
        assert all(texts), key


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_page_stands_alone_and_can_be_heard(language: Language) -> None:
    page = _Page(_text(language, "html"))
    assert page.all("html")[0]["lang"] == ("zh-CN" if language == "zh" else "en")
    for tag in ("script", "link", "img", "iframe", "object", "form"):
        assert page.all(tag) == []
    ids = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    # Three objectives have data, and so a chart.
    charts = page.all("svg")
    assert len(charts) == 3
    for chart in charts:
        title, description = (chart["aria-labelledby"] or "").split()
        assert chart["role"] == "img"
        assert title in ids
        assert description in ids
    assert {link["href"] for link in page.all("a") if (link["href"] or "").startswith("#")} <= {
        f"#{one}" for one in ids
    }
    assert all(header.get("scope") in ("col", "row") for header in page.all("th"))


def test_charts_are_told_apart_without_colour() -> None:
    """Unknown and maintenance are hatched, each its own way; lost is solid, and how much is written beside it."""
    svg = re.findall(r"<svg.*?</svg>", _text("en", "html"), re.DOTALL)[0]
    assert svg.count("<pattern ") == 2
    assert ">30 min</text>" in svg
    assert "#" not in re.sub(r"url\(#|href=\"#", "", svg.replace("&#", ""))  # every colour is one of the page's


@pytest.mark.parametrize("language", LANGUAGES)
def test_hostile_text_stays_text_on_the_page(language: Language) -> None:
    text = _text(language, "html", hostile=True)
    page = _Page(text)
    assert page.all("script") == []
    assert EVIL in page.text
    assert "{{ 7*7 }}" in page.text
    for link in page.all("a"):
        assert (link["href"] or "").startswith(("#", "https://x.example/"))
    assert not [name for _, attributes in page.elements for name in attributes if name.startswith("on")]


@pytest.mark.parametrize("language", LANGUAGES)
def test_hostile_text_stays_text_in_markdown(language: Language) -> None:
    source = _text(language, "md", hostile=True)
    html = MarkdownIt("commonmark", {"html": True}).enable("table").render(source)
    page = _Page(html.replace("<br>", " "))
    assert page.all("script") == []
    assert EVIL in re.sub(r"\s+", " ", page.text)
    assert {(link["href"] or "").split("/")[0] for link in page.all("a")} <= {
        "#mcp-availability", "#mcp-errors", "https:",
    }  # fmt: skip
    table_rows = [line for line in source.splitlines() if line.startswith("|")]
    assert table_rows
    assert all("<script" not in line for line in table_rows if "`" not in line)


def test_hostile_text_stays_text_in_the_pdf() -> None:
    printed = _squeezed(_pdf_text("en", hostile=True))
    assert _squeezed("<script>alert(1)</script>|`x`|") in printed
    assert "#let$x$" in printed


def test_chinese_shows_in_the_pdf() -> None:
    """The glyphs are in the file: the text can be read back, and the font is embedded."""
    content = _content("zh", "pdf")
    reader = PdfReader(io.BytesIO(content))
    assert "未达标" in _squeezed(reader.pages[0].extract_text())
    assert b"DroidSansFallback" in content.replace(b" ", b"") or "DroidSansFallback" in str(
        [
            page["/Resources"]["/Font"][name]["/BaseFont"]
            for page in reader.pages
            for name in page["/Resources"]["/Font"]
        ]  # type: ignore[index]
    )


async def test_a_report_of_nothing_can_be_rendered() -> None:
    nothing = await make_report(samples=WrittenSamples({}), history=AlertHistory((), "nobody answers"), exclusions=())
    for language in LANGUAGES:
        document = compose(nothing, language, "UTC")
        for form in ("md", "html", "pdf"):
            assert ReportRenderer().render(document, form)


async def test_other_summaries_than_the_own_language_are_only_a_last_resort() -> None:
    history = AlertHistory((alert("A", at(2, 601), at(2, 631), summary="english", summary_zh="中文"),))
    report = await make_report(AVAILABILITY, history=history)
    assert "english" not in ReportRenderer().render(compose(report, "zh", "UTC"), "md").decode()
    assert "中文" not in ReportRenderer().render(compose(report, "en", "UTC"), "md").decode()


def test_maintenance_that_is_not_known_is_not_called_none() -> None:
    report = replace(_report(), maintenance_problem="PostgreSQL does not answer")
    text = ReportRenderer().render(compose(report, "en", "UTC"), "md").decode()
    assert WORDS["maintenance_none"][0] not in text
    assert text.count(WORDS["problem_maintenance"][0]) == 2
