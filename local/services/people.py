"""Who can sign in with `make run AUTH=oidc`: one person for each role, and one without any."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Person:
    key: str
    name: str
    may: str
    groups: tuple[str, ...]

    def claims(self) -> dict[str, Any]:
        """What a token says of this person."""
        email = f"{self.key}@example.com"
        about = {"sub": self.key, "name": self.name, "email": email, "email_verified": True}
        return about | {"groups": list(self.groups)}


PEOPLE = {
    person.key: person
    for person in (
        Person("vera", "Vera Viewer", "looks", ("viewer",)),
        Person("otto", "Otto Operator", "triggers, requeues, pauses and edits records", ("operator",)),
        Person("ada", "Ada Admin", "deletes and acts in bulk", ("admin",)),
        Person("nobody", "Nobody Atall", "is in no group, and may do nothing", ()),
    )
}
