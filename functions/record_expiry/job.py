from slowmatch.jobs import Integer, Job

JOB = Job(
    name="record-expiry",
    description="Marks the records whose expiry date has passed.",
    payload={"batch_size": Integer("number of records to process in the first transaction", 1, 100_000)},
)
