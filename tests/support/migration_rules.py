"""What a migration may do to tables that are in use: docs/deploy.md has the rules in words, and what to do instead."""

import re

from slowmatch.db.migration import Migration, MigrationError, normalized

SINCE = 7
"""Older files had nobody to disturb."""

CONTRACT = "-- Contract: "
"""How the first line of a file begins that takes away what no version in use needs any more, and says since when."""

_NAME = r"\w+"
_LITERAL = r"(?:'(?:[^']|'')*'|-?\d+(?:\.\d+)?|true|false|NULL|now\(\))(?:::\w+)?"
_TYPE = r"(?!(?:small|big)?serial)[a-z]+(?: (?:precision|varying|with|without|time|zone))*(?:\([\d, ]+\))?(?:\[\])?"
_QUICK_CLAUSES = re.compile(
    rf"ADD COLUMN {_NAME} {_TYPE}(?: DEFAULT {_LITERAL}(?: NOT NULL)?| NOT NULL DEFAULT {_LITERAL})?$"
    rf"|ADD CONSTRAINT {_NAME} (?:CHECK|FOREIGN KEY) .* NOT VALID$"
    rf"|ADD CONSTRAINT {_NAME} (?:UNIQUE|PRIMARY KEY) USING INDEX {_NAME}$"
    rf"|ALTER COLUMN {_NAME} (?:SET DEFAULT .*|DROP DEFAULT|DROP NOT NULL|SET STATISTICS \d+)$"
    r"|SET \(.*\)$"
)
_CONTRACT_CLAUSES = re.compile(
    rf"DROP (?:COLUMN|CONSTRAINT) {_NAME}(?: CASCADE)?$|ALTER COLUMN {_NAME} SET NOT NULL$"
)
_QUICK = re.compile(
    r"CREATE TABLE |CREATE SEQUENCE |CREATE (?:OR REPLACE )?FUNCTION |COMMENT ON "
    r"|INSERT INTO \w+ (?:\([^)]*\) )?VALUES "
)
_CONTRACTS = re.compile(r"DROP (?:TABLE|FUNCTION) ")
_TABLE = re.compile(
    r"CREATE (?:UNIQUE )?INDEX (?:\w+ )?ON (?P<indexed>\w+)|ALTER TABLE (?P<altered>\w+) |INSERT INTO (?P<filled>\w+) "
)


def complaints(file: Migration) -> list[str]:
    """What would hold up, or break, the version that is in use while the file is applied."""
    try:
        if file.is_online:
            return []
    except MigrationError as error:
        return [str(error)]
    texts = [normalized(statement) for statement in file.statements]
    new = {found[1] for text in texts if (found := re.match(r"CREATE TABLE (\w+)", text))}
    contracts = file.sql.startswith(CONTRACT)
    return [text for text in texts if not _is_quick(text, new, contracts)]


def _is_quick(text: str, new: set[str], contracts: bool) -> bool:
    found = _TABLE.match(text)
    if found and found[found.lastgroup or 0] in new:
        return True
    if found and found["altered"]:
        return all(
            _QUICK_CLAUSES.match(clause) or (contracts and _CONTRACT_CLAUSES.match(clause))
            for clause in _clauses(text[found.end() :])
        )
    return bool(_QUICK.match(text) or (contracts and _CONTRACTS.match(text)))


def _clauses(text: str) -> list[str]:
    """The parts of ALTER TABLE, which commas separate that are in no parentheses."""
    depth, parts = 0, [""]
    for letter in text:
        depth += (letter == "(") - (letter == ")")
        if letter == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += letter
    return [part.strip() for part in parts]
