"""Settings of a codec as users write them: ``NAME=VALUE``."""

from __future__ import annotations

from medcodec.errors import OptionError


def parse_options(texts: list[str]) -> dict[str, int | float | bool | str]:
    """Return settings of a codec from texts of the form ``NAME=VALUE``.

    Raises
    ------
    OptionError
        If one has another form.
    """
    options: dict[str, int | float | bool | str] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not (name and equals and value):
            msg = f"option {text!r}: give it as NAME=VALUE"
            raise OptionError(msg)
        options[name] = _parse_value(value)
    return options


def _parse_value(text: str) -> int | float | bool | str:
    if text in ("true", "false"):
        return text == "true"
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text
