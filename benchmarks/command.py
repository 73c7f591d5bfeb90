"""The command line that all benchmarks share: options, a resumable run, tables, an exit status."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic

from benchmarks.environment import preamble
from benchmarks.options import add_common_options, choose
from benchmarks.rows import AnyRow, Key, run_resumable
from benchmarks.volumes import SUFFIXES, Source, find_sources

Tasks = Mapping[Key, Callable[[], AnyRow]]


@dataclass(frozen=True, kw_only=True)
class Benchmark(Generic[AnyRow]):
    """One benchmark.

    Parameters
    ----------
    name
        Of its module.
    text
        What ``--help`` says.
    kind
        Of its rows.
    missing
        For each codec, what tells what it lacks on this machine.
    tasks
        From the volumes, the codecs and the options to what is to be measured.
    report
        Tables from rows, in Markdown.
    is_broken
        Tells a row whose codec did not keep its promise: the exit status is 1 then.
    add_options
        Adds the options that only this benchmark has.
    variant
        From ``NAME:OPTION=VALUE...`` to what tells what that lacks; None if there are no variants.
    default_codecs
        Names or patterns.
    suffixes
        Of the files that it takes.
    """

    name: str
    text: str | None
    kind: type[AnyRow]
    missing: Mapping[str, Callable[[], Sequence[str]]]
    tasks: Callable[[Sequence[Source], Sequence[str], argparse.Namespace], Tasks[AnyRow]]
    report: Callable[[Sequence[AnyRow]], str]
    is_broken: Callable[[AnyRow], bool]
    add_options: Callable[[argparse.ArgumentParser], None] | None = None
    variant: Callable[[str], Callable[[], Sequence[str]]] | None = None
    default_codecs: Sequence[str] = ("*",)
    suffixes: tuple[str, ...] = SUFFIXES

    def main(self, arguments: Sequence[str] | None = None) -> int:
        """Run the command line; return the exit status."""
        command = f"python -m benchmarks.{self.name}"
        parser = argparse.ArgumentParser(prog=command, description=self.text)
        add_common_options(parser, codecs=list(self.missing), default=self.default_codecs)
        if self.add_options:
            self.add_options(parser)
        options = parser.parse_args(arguments)
        variants = {name: self.variant(name) for name in options.codecs if self.variant and ":" in name}
        codecs = choose(options.codecs, {**self.missing, **variants})
        sources = find_sources(options.volumes, self.suffixes)
        tasks = self.tasks(sources, codecs, options)
        rows = run_resumable(tasks, options.csv, self.kind, jobs=options.jobs, redo=options.redo)
        given = sys.argv[1:] if arguments is None else arguments
        text = f"{preamble(command, given, volumes=len(sources))}\n\n{self.report(rows)}"
        if options.markdown:
            options.markdown.write_text(text)
        print(text)
        return int(any(self.is_broken(row) for row in rows))
