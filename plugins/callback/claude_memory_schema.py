"""Callback that loads the control plane's schema before the first task.

Ansible forks a worker for every task. A worker that meets one of our filters would import the schema for itself, a
third of a second each time; what the parent has imported, every worker has.
"""

import importlib
import sys
from contextlib import suppress
from pathlib import Path

from ansible.plugins.callback import CallbackBase

DOCUMENTATION = r"""
name: claude_memory_schema
type: aggregate
short_description: Load the control plane's schema once a run
description:
  - Prints nothing and changes nothing; without it everything works, only slower.
author: [claude-memory]
"""
CHECKOUT = Path(__file__).resolve().parents[2]
NEEDED_BY_FILTERS = (
    "yaml",
    "controlplane.adapters.templates",
    "controlplane.config.load",
    "controlplane.domain.duration",
    "controlplane.services.rendering",
)


class CallbackModule(CallbackBase):
    """Loads when it is loaded."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "claude_memory_schema"
    CALLBACK_NEEDS_ENABLED = True

    def __init__(self) -> None:
        super().__init__()
        if str(CHECKOUT) not in sys.path:
            sys.path.insert(0, str(CHECKOUT))
        # The filter that needs a missing one says what to do about it.
        with suppress(ImportError):
            for name in NEEDED_BY_FILTERS:
                importlib.import_module(name)
