"""Every error and warning that medcodec raises on purpose; anything else that escapes is a bug."""


class MedcodecError(Exception):
    """Base of all medcodec errors; the text names the file, the place and the way out."""


class FormatError(MedcodecError):
    """The input is not a file of the expected format, or breaks its rules."""


class IntegrityError(MedcodecError):
    """A checksum does not match: the data were damaged after they were written."""


class UnsupportedDataError(MedcodecError):
    """The data are valid, but cannot be handled by the chosen codec or format."""


class LossyMammogramWarning(UserWarning):
    """A mammogram is compressed or restored with losses, which rules on diagnostic use may forbid."""


class MissingDependencyError(MedcodecError):
    """An optional package is needed; the text names the extra that brings it."""


class ModelMissingError(MedcodecError):
    """The weights of a model are needed and not there; the text says where to get them."""


class OptionError(MedcodecError):
    """Options that exclude one another, or a value out of range."""
