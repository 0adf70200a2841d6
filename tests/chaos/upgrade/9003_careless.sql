-- What nobody should write: it keeps everybody from the records for as long as it takes.
LOCK TABLE record IN ACCESS EXCLUSIVE MODE;
SELECT pg_sleep(5);
