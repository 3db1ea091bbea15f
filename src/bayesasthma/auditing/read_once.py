"""A study whose frames are handed out once copied, not copied each time they are asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from bayesasthma.study.study import Study


def read_once(study: Study) -> Study:
    """The same study for one audit, which asks for the same frames at every p-value."""
    return cast("Study", _ReadOnce(study))


class _ReadOnce:
    def __init__(self, study: Study) -> None:
        self._study = study

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._study, name)
        setattr(self, name, value)
        return value
