"""The errors that byhand raises on purpose: one sentence that names a thing and how to mend it."""


class ByhandError(Exception):
    """Something failed; the message is one sentence that a user can act on.

    The command line prints the message alone and exits with `exit_status`.
    """

    exit_status = 1

    def __str__(self) -> str:
        """The sentence on one line, also where a name or a header in it has line ends."""
        return " ".join(super().__str__().splitlines())


class InputError(ByhandError, ValueError):
    """What the user gave (a file, a value, an option) is not what was expected."""

    exit_status = 2


class ShapeError(InputError):
    """An array has the wrong shape or type for what is asked of it."""


class DataError(InputError):
    """A data file is missing, broken, or not what it claims to be."""


class FileWriteError(ByhandError, OSError):
    """A file could not be written; nothing half-written was left in its place."""


class DownloadError(ByhandError):
    """No mirror gave the file that was asked for."""


class TrainingStopped(ByhandError):
    """Training cannot go on (the loss is not finite, for one)."""
