"""Import records from CSV: the page, the parts that its script sends, and a form for those without scripts."""

from dataclasses import asdict
from email import message_from_bytes
from typing import Any
from uuid import UUID, uuid4

from aws_lambda_powertools.event_handler import Response

from console.forms.form import whole_number
from console.web import render
from console.web.formatting import sentence
from console.web.request import current_request, router
from slowmatch.db import connection
from slowmatch.http.auth.authentication import allow
from slowmatch.http.auth.roles import Role
from slowmatch.http.encoding import json_body
from slowmatch.http.record_csv import MAX_IMPORT_BYTES, CsvError
from slowmatch.http.record_import import MAX_LINE, ImportedFile, ImportResult, import_part
from slowmatch.http.request import body, idempotency_key
from slowmatch.records.imports import KeyReused
from slowmatch.text import clean_line

FORM_BYTES = 10_000
"""What a form adds to its file."""
MAX_NAME_CHARACTERS = 200
PART = "text/csv"


@router.get("/records/import")
def import_page() -> render.Page:
    return _page()


@router.post("/records/import")
@allow(Role.OPERATOR)
def import_records() -> render.Page:
    request = current_request()
    if request.header("content-type").startswith(PART):
        return _import_part()
    content = body(request.event, MAX_IMPORT_BYTES + FORM_BYTES)
    fields = _form_fields(request.header("content-type"), content)
    name, text = fields.get("file", ("", b""))
    key = clean_line(fields.get("key", ("", b""))[1], 100) or None
    if not name:
        return _page(error="Choose a file.")
    try:
        result = import_part(
            connection(),
            text,
            _file(name, key),
            dry_run="check" in fields,
            key=key if "check" not in fields else None,
        )
    except (CsvError, KeyReused) as error:
        return _page(name=name, error=sentence(str(error)))
    return _page(name=name, result=result)


def _import_part() -> render.Page:
    """A part that the page's script sends; it gets JSON, with an error that is a sentence."""
    request = current_request()
    query, line = request.query, request.query.get("first_line", "2")
    try:
        result = import_part(
            connection(),
            body(request.event, MAX_IMPORT_BYTES),
            _file(query.get("file", ""), query.get("import")),
            first_line=whole_number(line, MAX_LINE) or 2,
            dry_run=query.get("dry_run") == "true",
            key=idempotency_key(request.event),
        )
    except (CsvError, KeyReused) as error:
        return _json(422, {"error": sentence(str(error))})
    return _json(200, asdict(result))


def _file(name: str, import_id: str | None) -> ImportedFile:
    try:
        given = UUID(import_id or "")
    except ValueError:
        given = uuid4()
    shown = clean_line(name, MAX_NAME_CHARACTERS) or "a file"
    return ImportedFile(shown, current_request().identity.name, given)


def _form_fields(content_type: str, content: bytes) -> dict[str, tuple[str, bytes]]:
    """The fields of a multipart form by name: the name of the file, empty for other fields, and the content."""
    message: Any = message_from_bytes(b"Content-Type: " + content_type.encode() + b"\r\n\r\n" + content)
    parts = message.get_payload() if message.is_multipart() else []
    for part in parts:
        for name, value in part.raw_items():  # in UTF-8, of which `email` would leave only the ASCII
            part.replace_header(name, value.encode("ascii", "surrogateescape").decode(errors="replace"))
    return {
        part.get_param("name", header="content-disposition"): (
            part.get_filename() or "",
            part.get_payload(decode=True) or b"",
        )
        for part in parts
    }


def _page(*, name: str = "", result: ImportResult | None = None, error: str = "") -> render.Page:
    status = 422 if error else 200
    return render.page(
        "record_import.html",
        status,
        con=connection(),
        key=str(uuid4()),
        name=name,
        result=result,
        error=error,
    )


def _json(status: int, value: object) -> render.Page:
    return Response(status, "application/json", json_body(value), {**render.PAGE_HEADERS})
