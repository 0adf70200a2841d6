"""Wrong changes of the code, each with the rule that it breaks, and whether the tests notice it.

make mutants                     all of them
make mutants ONLY="claim lease"  those whose rule or file has one of these words
"""
