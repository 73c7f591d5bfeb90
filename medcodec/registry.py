"""One generic registry: things by name, filled by decorators and by entry points of other packages."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from typing import Generic, TypeVar

from medcodec.errors import MissingDependencyError, OptionError

T = TypeVar("T")


class Registry(Generic[T]):
    """Map names to objects; names that are unknown locally are looked up among entry points.

    Parameters
    ----------
    kind
        What the registry holds, in the singular; used in messages ("codec").
    entry_point_group
        Entry-point group through which other packages add members, or None.
    """

    def __init__(self, kind: str, *, entry_point_group: str | None = None) -> None:
        self._kind = kind
        self._group = entry_point_group
        self._members: dict[str, T] = {}
        self._lazy: dict[str, str] = {}

    def register(self, name: str) -> Callable[[T], T]:
        """Return a decorator that adds its argument under ``name``."""

        def add(member: T) -> T:
            self._members[name] = member
            return member

        return add

    def register_lazy(self, name: str, target: str) -> None:
        """Add a member that is imported on first use; ``target`` is ``"module:attribute"``."""
        self._lazy[name] = target

    def names(self) -> list[str]:
        """Return all known names, sorted."""
        found = {entry.name for entry in self._entry_points()}
        return sorted(found | set(self._members) | set(self._lazy))

    def get(self, name: str) -> T:
        """Return the member called ``name``.

        Raises
        ------
        OptionError
            If there is no such member; the text lists the names that exist.
        MissingDependencyError
            If it needs a package that is not installed.
        """
        if name not in self._members:
            try:
                self._import(name)
            except ImportError as error:
                msg = f"{self._kind} {name!r} cannot be imported ({error}); install what it needs"
                raise MissingDependencyError(msg) from error
        if name not in self._members:
            msg = f"unknown {self._kind} {name!r}; known: {', '.join(self.names()) or 'none'}"
            raise OptionError(msg)
        return self._members[name]

    def _import(self, name: str) -> None:
        if name in self._lazy:
            module, _, attribute = self._lazy[name].partition(":")
            self._members[name] = getattr(import_module(module), attribute)
            return
        for entry in self._entry_points():
            if entry.name == name:
                self._members.setdefault(name, entry.load())

    def _entry_points(self) -> list[EntryPoint]:
        return list(entry_points(group=self._group)) if self._group else []
