"""The web pages. The package slowmatch comes before all others: it sets how Python starts."""

import slowmatch  # noqa: F401
