"""`make job`: writes a new job that runs, or lists the jobs.

A job is a folder in functions/, a row and its name in template.yaml, sample events, and a test.
"""
