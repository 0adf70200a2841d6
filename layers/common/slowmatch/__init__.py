"""Background jobs and records that expire, on AWS Lambda: the package that all functions share."""
