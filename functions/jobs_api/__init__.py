"""Jobs and runs over HTTP. `slowmatch` is imported first, because it sets how Python starts."""

import slowmatch  # noqa: F401
