"""Pages by key."""

import base64
import json
from datetime import UTC, datetime, timedelta
from typing import Any

from fastapi.exceptions import RequestValidationError
from schemas import RecordList
from sqlalchemy import Select, select, tuple_
from sqlalchemy.orm import Session
from tables import Record

SOON = timedelta(hours=24)


def page(session: Session, asked: RecordList) -> dict[str, Any]:
    """Up to `limit` records and the cursor of what follows them."""
    query = _ordered(asked).limit(asked.limit + 1)
    if asked.q:
        query = query.where(Record.title.icontains(asked.q, autoescape=True))
    records = session.scalars(query).all()
    more = len(records) > asked.limit
    items = records[: asked.limit]
    return {"items": items, "next": _encode(asked.status, items[-1]) if more else None}


def _ordered(asked: RecordList) -> Select[Any]:
    query = select(Record)
    keys = tuple_(Record.expiry_date, Record.id)
    after = _decode(asked.status, asked.cursor) if asked.cursor else None
    if asked.status == "all":
        query = query.order_by(Record.id.desc())
        return query.where(Record.id < after[1]) if after else query
    if asked.status == "expired":
        query = query.where(Record.is_expired).order_by(Record.expiry_date.desc(), Record.id.desc())
        return query.where(keys < after) if after else query
    query = query.where(~Record.is_expired).order_by(Record.expiry_date, Record.id)
    if asked.status == "soon":
        now = datetime.now(UTC)
        query = query.where(Record.expiry_date > now, Record.expiry_date <= now + SOON)
    return query.where(keys > after) if after else query


def _encode(status: str, record: Record) -> str:
    text = json.dumps([status, record.expiry_date.isoformat(), record.id])
    return base64.urlsafe_b64encode(text.encode()).decode()


def _decode(status: str, cursor: str) -> tuple[datetime, int]:
    try:
        found, moment, record_id = json.loads(base64.urlsafe_b64decode(cursor))
        if found != status:
            raise ValueError(found)
        return datetime.fromisoformat(moment), int(record_id)
    except (ValueError, TypeError) as error:
        message = "must be the `next` value from an earlier page of the same list"
        raise RequestValidationError(
            [{"loc": ("query", "cursor"), "msg": message, "type": "value_error"}]
        ) from error
