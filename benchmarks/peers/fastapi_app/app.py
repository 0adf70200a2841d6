"""The records' API with FastAPI, SQLAlchemy's ORM and psycopg, for AWS Lambda behind Mangum."""

from typing import Annotated

from errors import PROBLEM, invalid, problem
from fastapi import Depends, FastAPI, HTTPException, Path, Query, Response
from fastapi.exceptions import RequestValidationError
from mangum import Mangum
from mangum.adapter import DEFAULT_TEXT_MIME_TYPES
from schemas import BIGINT_MAX, NewRecord, RecordChange, RecordList, RecordOut, RecordPage
from sqlalchemy.orm import Session
from store import page
from tables import Record, new_session

app = FastAPI(title="Records")
app.add_exception_handler(RequestValidationError, invalid)
app.add_exception_handler(HTTPException, problem)

Database = Annotated[Session, Depends(new_session)]
RecordId = Annotated[int, Path(alias="id", ge=1, le=BIGINT_MAX)]


def found(session: Database, record_id: RecordId) -> Record:
    record = session.get(Record, record_id)
    if record is None:
        raise HTTPException(404, f"there is no record {record_id}")
    return record


Found = Annotated[Record, Depends(found)]


@app.get("/api/records", response_model=RecordPage)
def list_records(asked: Annotated[RecordList, Query()], session: Database):
    return page(session, asked)


@app.post("/api/records", response_model=RecordOut, status_code=201)
def create_record(new: NewRecord, session: Database, response: Response):
    record = Record(title=new.title, expiry_date=new.expiry_date)
    session.add(record)
    session.commit()
    session.refresh(record)
    response.headers["Location"] = f"/api/records/{record.id}"
    return record


@app.get("/api/records/{id}", response_model=RecordOut)
def get_record(record: Found):
    return record


@app.put("/api/records/{id}", response_model=RecordOut)
def replace_record(record: Found, new: NewRecord, session: Database):
    record.title, record.expiry_date = new.title, new.expiry_date
    session.commit()
    session.refresh(record)
    return record


@app.patch("/api/records/{id}", response_model=RecordOut)
def change_record(record: Found, change: RecordChange, session: Database):
    for name, value in change.model_dump(exclude_unset=True).items():
        setattr(record, name, value)
    session.commit()
    session.refresh(record)
    return record


@app.delete("/api/records/{id}", status_code=204)
def delete_record(record: Found, session: Database) -> None:
    session.delete(record)
    session.commit()


handler = Mangum(app, lifespan="off", text_mime_types=[*DEFAULT_TEXT_MIME_TYPES, PROBLEM])
