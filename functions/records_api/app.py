"""Records over HTTP: create, import, read, list and search, replace, change, delete."""

import json
from typing import Annotated, Any
from uuid import uuid4

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Query

from records_api.models import GONE, IMPORTED, MANY, NEW, ONE, FirstLine, NewRecord, RecordChange
from slowmatch.db import connection
from slowmatch.http import pagination
from slowmatch.http.api import Api
from slowmatch.http.auth import authentication
from slowmatch.http.auth.authentication import allow
from slowmatch.http.auth.roles import Role
from slowmatch.http.encoding import json_body
from slowmatch.http.errors import Problem
from slowmatch.http.fields import Cursor, Id, Limit, SearchText
from slowmatch.http.preconditions import if_match
from slowmatch.http.record_csv import MAX_IMPORT_BYTES, CsvError
from slowmatch.http.record_import import ImportedFile, import_part
from slowmatch.http.request import accept_bytes, body, check_media_type, idempotency_key
from slowmatch.http.validation import parse_timestamp
from slowmatch.records import queries, search
from slowmatch.records.imports import KeyReused
from slowmatch.records.model import SORTS, Position, Sort, Status, list_order
from slowmatch.records.queries import StoredRecord
from slowmatch.telemetry import logger

SORT = "The order; a hyphen puts the largest first. Only the list of all records can be sorted by `created`"

FIRST_LINE = (
    "For a file that is sent in parts: the number, in the whole file, of the second line of this body"
)

app = Api({queries.VersionMismatch: 412, CsvError: 422, KeyReused: 409})


@app.get("/api/records", summary="List and search records", responses=MANY)
def list_records(
    status: Annotated[Status, Query()] = "all",
    sort: Annotated[Sort | None, Query(description=SORT)] = None,
    q: Annotated[SearchText, Query()] = "",
    cursor: Cursor = None,
    limit: Limit = pagination.DEFAULT_LIMIT,
) -> Response[str]:
    if sort and sort not in SORTS[status]:
        message = f"must be {' or '.join(SORTS[status])} for the status {status}"
        raise Problem.invalid([{"field": "sort", "message": message}])
    order = list_order(status, sort)
    after = (
        Position(*pagination.decode(order, cursor, pagination.bigint, parse_timestamp)) if cursor else None
    )
    con = connection()
    page = search.page(con, status, con.now(), q=q, sort=sort, after=after, limit=limit)
    following = page.next and pagination.encode(order, *page.next)
    return _json(200, f'{{"items":{page.items},"next":{json.dumps(following)}}}')


@app.post("/api/records", summary="Create a record", responses=NEW)
@allow(Role.OPERATOR)
def create_record(record: NewRecord) -> Response[str]:
    record_id, text = queries.create(connection(), record.title, record.expiry_date, _actor())
    return _json(201, text, {"Location": f"/api/records/{record_id}"})


@app.post("/api/records/import", summary="Import records from CSV", responses=IMPORTED)
@allow(Role.OPERATOR)
@accept_bytes(MAX_IMPORT_BYTES)
def import_records(
    dry_run: Annotated[bool, Query(description="Check the file and create nothing")] = False,
    first_line: Annotated[FirstLine, Query(description=FIRST_LINE)] = 2,
) -> Response[str]:
    event = app.current_event.raw_event
    check_media_type(event, "text/csv")
    file = ImportedFile("a file, through the API", _actor(), uuid4())
    result = import_part(
        connection(),
        body(event, MAX_IMPORT_BYTES),
        file,
        first_line=first_line,
        dry_run=dry_run,
        key=idempotency_key(event),
    )
    return Response(200, "application/json", json_body(result))


@app.get("/api/records/<id>", summary="Read a record", responses=ONE)
def get_record(record_id: Id) -> Response[str]:
    return _found(record_id, queries.get(connection(), record_id))


@app.put("/api/records/<id>", summary="Replace a record's title and expiry date", responses=ONE)
@allow(Role.OPERATOR)
def replace_record(record_id: Id, record: NewRecord) -> Response[str]:
    return _update(record_id, record)


@app.patch("/api/records/<id>", summary="Change a record's title, expiry date or both", responses=ONE)
@allow(Role.OPERATOR)
def change_record(record_id: Id, change: RecordChange) -> Response[str]:
    return _update(record_id, change)


@app.delete("/api/records/<id>", summary="Delete a record", responses=GONE)
def delete_record(record_id: Id) -> Response[None]:
    versions = if_match(app.current_event.raw_event)
    if not queries.delete(connection(), record_id, _actor(), versions):
        raise _not_found(record_id)
    return Response(204)


def _actor() -> str:
    return authentication.identity(app).name


def _update(record_id: int, change: NewRecord | RecordChange) -> Response[str]:
    con = connection()
    stored = queries.update(
        con,
        record_id,
        con.now(),
        title=change.title,
        expiry_date=change.expiry_date,
        actor=_actor(),
        versions=if_match(app.current_event.raw_event),
    )
    return _found(record_id, stored)


def _found(record_id: int, stored: StoredRecord | None) -> Response[str]:
    if stored is None:
        raise _not_found(record_id)
    return _json(200, stored.text, {"ETag": f'"{stored.version}"'})


def _not_found(record_id: int) -> Problem:
    return Problem(404, "Not found", f"there is no record {record_id}")


def _json(status: int, text: str, headers: dict[str, str | list[str]] | None = None) -> Response[str]:
    return Response(status, "application/json", f"{text}\n", headers)


@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    return app.resolve(event, context)
