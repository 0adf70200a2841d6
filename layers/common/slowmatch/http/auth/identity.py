"""Who is asking, and what that person may do."""

from dataclasses import dataclass
from enum import IntEnum


class Role(IntEnum):
    """Each may do what those before it may: look; trigger and edit; delete and act in bulk."""

    VIEWER = 1
    OPERATOR = 2
    ADMIN = 3


@dataclass(frozen=True, slots=True)
class Identity:
    """A person or program that signed in. `role` is None for somebody in none of the groups."""

    name: str
    subject: str
    role: Role | None
    local: bool = False

    def may(self, role: Role) -> bool:
        return self.role is not None and self.role >= role
