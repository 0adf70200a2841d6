"""The HTTP side of the APIs and the console: requests, validation, errors, pagination, sign-in."""
