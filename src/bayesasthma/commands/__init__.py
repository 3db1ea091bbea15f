"""The command line, one file a family of commands, and the console."""

from __future__ import annotations
