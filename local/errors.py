"""Errors that are reported in one line, without a traceback."""


class StackError(Exception):
    """The message says what is wrong and, if known, what to do."""


def leaves(error: BaseException) -> list[BaseException]:
    """The errors in a group, or the error itself."""
    if isinstance(error, BaseExceptionGroup):
        return [leaf for inner in error.exceptions for leaf in leaves(inner)]
    return [error]
