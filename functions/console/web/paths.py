"""Paths that come back from a browser, in an address, a form or a cookie."""

PATH_MAX = 2000


def is_path(text: str) -> bool:
    """Whether a browser takes `text` for a path of this site and nothing else."""
    return (
        text.startswith("/")
        and not text.startswith("//")
        and "\\" not in text
        and text.isprintable()
        and len(text) <= PATH_MAX
    )
