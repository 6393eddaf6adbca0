"""Fonts of charts and PDF, so that Chinese shows on machines without any.

Droid Sans Fallback is shipped (see its licence beside it); DejaVu Sans comes
inside matplotlib's wheel.
"""

from pathlib import Path

from controlplane.config.paths import resource_dir

CHINESE_FONT = "Droid Sans Fallback"


def chinese_font() -> Path:
    """The font file with Chinese characters."""
    return resource_dir("templates") / "report" / "DroidSansFallback.ttf"


def font_folders() -> list[Path]:
    """Folders with every font that a report needs."""
    import matplotlib as mpl

    return [chinese_font().parent, Path(mpl.get_data_path()) / "fonts" / "ttf"]
