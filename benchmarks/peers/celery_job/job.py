"""Expiry of records as a periodic task of Celery, with SQLAlchemy on psycopg, in batches."""

import os

from celery import Celery
from celery.schedules import crontab
from celery.utils.log import get_task_logger
from sqlalchemy import create_engine, text

EXPIRE = text("""
    UPDATE record SET is_expired = true
    WHERE id IN (
        SELECT id FROM record
        WHERE NOT is_expired AND expiry_date <= now()
        ORDER BY expiry_date
        LIMIT :limit
        FOR UPDATE SKIP LOCKED
    )
""")

logger = get_task_logger(__name__)
engine = create_engine(os.environ["DATABASE_URL"].replace("postgresql:", "postgresql+psycopg:"), pool_size=1)

app = Celery("records", broker=os.environ.get("BROKER_URL"))
app.conf.task_acks_late = True
app.conf.timezone = "UTC"
app.conf.beat_schedule = {"record-expiry": {"task": "records.expire", "schedule": crontab(minute=0)}}


@app.task(name="records.expire", autoretry_for=(Exception,), max_retries=10, retry_backoff=True)
def expire(batch_size: int = 10_000) -> int:
    expired = 0
    while batch := _expire_batch(batch_size):
        expired += batch
        logger.info("%d records expired so far", expired)
    return expired


def _expire_batch(limit: int) -> int:
    with engine.begin() as connection:
        return connection.execute(EXPIRE, {"limit": limit}).rowcount
