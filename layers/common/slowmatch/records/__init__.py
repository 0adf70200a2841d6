"""Records: a title and the date on which it expires."""
