"""What ``--bids`` needs: the two folders, and telling what became of the dataset."""

from __future__ import annotations

from medcodec.cli.command import DONE, FAILED
from medcodec.cli.console import Console, human_bytes, ratio
from medcodec.errors import OptionError
from medcodec.integrations.bids import BidsReport

_STATES = ("compressed", "restored", "copied", "present", "left out", "failed")
_SHOWN_NOTES = 10


def two_folders(inputs: list[str], output: str | None) -> tuple[str, str]:
    """Return the dataset and the folder for the result: two names, or one and ``--output``.

    Raises
    ------
    OptionError
        If they are not exactly that.
    """
    names = [*inputs, *([] if output is None else [output])]
    if len(names) != 2 or "-" in names:
        msg = "--bids takes a dataset and a folder for the result: --bids DATASET -o FOLDER"
        raise OptionError(msg)
    return names[0], names[1]


def tell(report: BidsReport, title: str, console: Console) -> int:
    """Write what became of a dataset, and return the exit status."""
    for item in report.failed:
        console.error(f"{item.name}: {item.note}")
    for number, note in enumerate(report.notes):
        (console.note if number < _SHOWN_NOTES else console.detail)(note)
    if len(report.notes) > _SHOWN_NOTES:
        console.note(f"and {len(report.notes) - _SHOWN_NOTES} more notes (--verbose lists them)")
    counts = ", ".join(f"{report.count(state)} {state}" for state in _STATES if report.count(state))
    text = f"{title}: {counts or 'nothing to do'}"
    before = sum(item.bytes_before for item in report.items)
    after = sum(item.bytes_after for item in report.items)
    if after:
        text += f"; {human_bytes(before)} to {human_bytes(after)}"
    if report.count("compressed"):
        text += f", {ratio(before, after)} smaller"
    console.result(text)
    return FAILED if report.failed else DONE
