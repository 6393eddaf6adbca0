"""A report's document as text or bytes of one format."""

import json
from collections.abc import Mapping
from dataclasses import is_dataclass
from datetime import datetime
from functools import cache
from typing import Any

import jinja2

from controlplane.adapters.report.fonts import font_folders
from controlplane.adapters.report.markdown import quoted
from controlplane.config.paths import resource_dir
from controlplane.services.slo.report.document import Chart, Document, Drawing, Table


class ReportRenderer:
    """Implements Renderer. Charts of a document are drawn once, whatever the number of formats."""

    def __init__(self) -> None:
        self._drawn: tuple[Document, Mapping[str, str]] | None = None

    def render(self, document: Document, form: str) -> bytes:
        """The document as ``html``, ``md`` or ``pdf``. Raises jinja2 or typst errors, which are defects of ours."""
        if form == "pdf":
            return _pdf(document, self._charts(document))
        charts = self._themed_charts(document) if form == "html" else {}
        template = _environment().get_template(f"report.{form}.j2")
        return template.render(document=document, charts=charts).encode()

    def _themed_charts(self, document: Document) -> Mapping[str, str]:
        from controlplane.adapters.report.charts import themed

        return {name: themed(svg) for name, svg in self._charts(document).items()}

    def _charts(self, document: Document) -> Mapping[str, str]:
        # Loading matplotlib takes longer than everything else; text and data do without.
        from controlplane.adapters.report.charts import draw_all

        if self._drawn is None or self._drawn[0] is not document:
            drawn = {drawing.name: drawing.svg for drawing in document.drawings}
            self._drawn = (document, {**draw_all(document.charts), **drawn})
        return self._drawn[1]


_KINDS = {"Table": "table", "Chart": "chart", "Drawing": "chart", "Text": "text"}


@cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(resource_dir("templates") / "report"),
        autoescape=lambda name: name is not None and name.endswith(".html.j2"),  # noqa: S701 - `md` quotes Markdown
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["md"] = quoted
    environment.tests["table"] = lambda block: isinstance(block, Table)
    environment.tests["chart"] = lambda block: isinstance(block, (Chart, Drawing))
    return environment


def _pdf(document: Document, charts: Mapping[str, str]) -> bytes:
    """Everything reaches the template as data, so that no text can be taken for markup."""
    import typst

    folder = resource_dir("templates") / "report"
    data = json.dumps({"document": _plain(document), "charts": charts}, ensure_ascii=False)
    made = typst.compile(
        str(folder / "report.typ"),
        root=str(folder),
        font_paths=[str(path) for path in font_folders()],
        ignore_system_fonts=True,
        sys_inputs={"data": data},
        format="pdf",
    )
    return bytes(made)


def _plain(value: Any) -> Any:
    """A document as JSON values; blocks say what they are."""
    if is_dataclass(value) and not isinstance(value, type):
        fields = {name: _plain(getattr(value, name)) for name in value.__dataclass_fields__}
        return {"type": _KINDS[type(value).__name__], **fields} if type(value).__name__ in _KINDS else fields
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return sorted(value) if isinstance(value, frozenset) else value
