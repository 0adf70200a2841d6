"""Background jobs and records that expire, on AWS Lambda: the package that all functions share."""

import gc

# What is imported is no garbage, and looking for some in it, more than a hundred times, takes a twelfth of a cold
# start. So many new objects are not there before the import is over.
gc.set_threshold(100_000)
