"""The table, and a session for one request."""

import os
from collections.abc import Iterator
from datetime import datetime

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    DateTime,
    Identity,
    Index,
    String,
    create_engine,
    false,
    func,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, sessionmaker


class Base(DeclarativeBase):
    pass


class Record(Base):
    __tablename__ = "fastapi_record"
    __table_args__ = (CheckConstraint("char_length(title) BETWEEN 1 AND 500"),)

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    title: Mapped[str] = mapped_column(String)
    created_at: Mapped[datetime] = mapped_column(
        DateTime(timezone=True), server_default=func.now(), index=True
    )
    expiry_date: Mapped[datetime] = mapped_column(DateTime(timezone=True), index=True)
    is_expired: Mapped[bool] = mapped_column(server_default=false())


Index("fastapi_record_due", Record.expiry_date, Record.id, postgresql_where=~Record.is_expired)
Index("fastapi_record_stale", Record.expiry_date, Record.id, postgresql_where=Record.is_expired)

engine = create_engine(os.environ["DATABASE_URL"].replace("postgresql:", "postgresql+psycopg:"), pool_size=1)
sessions = sessionmaker(engine)


def new_session() -> Iterator[Session]:
    with sessions() as session:
        yield session
