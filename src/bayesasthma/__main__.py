"""``python -m bayesasthma``."""

from __future__ import annotations

from bayesasthma.commands.cli import main

if __name__ == "__main__":
    main()
