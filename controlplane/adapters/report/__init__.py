"""A report's document as HTML, Markdown or PDF. Loads plotting libraries: only for processes that make reports."""
