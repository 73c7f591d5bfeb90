"""The border to foreign code: whatever a library or the system raises leaves as a `MedcodecError`."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from medcodec.errors import FormatError, MedcodecError, UnsupportedDataError


@contextmanager
def guarded(place: str, doing: str) -> Iterator[None]:
    """Turn every exception of the block into a `MedcodecError` that names ``place``.

    Parsers of medical files raise nearly any exception on damaged input, so nothing narrower would keep
    the promise. Their warnings are not shown: headers are kept verbatim, so odd values in them do no harm.

    Parameters
    ----------
    place
        The file, as the user knows it.
    doing
        What failed, to follow "cannot" ("read the header").
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except (MedcodecError, KeyboardInterrupt, SystemExit, GeneratorExit):
        raise
    except MemoryError as error:
        msg = f"{place}: not enough memory to {doing}; free some, or use a machine with more"
        raise UnsupportedDataError(msg) from error
    except OSError as error:
        msg = f"{place}: cannot {doing}: {error.strerror or error}"
        raise MedcodecError(msg) from error
    except BaseException as error:  # panics of extensions in Rust are no plain exceptions
        text = " ".join(str(error).split()) or "no details"
        msg = f"{place}: cannot {doing} ({type(error).__name__}: {text[:300]}); the file may be damaged"
        raise FormatError(msg) from error
