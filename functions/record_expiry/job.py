from slowmatch.jobs import Integer, Job

JOB = Job(
    name="record-expiry",
    description="Marks the records whose expiry date has passed.",
    payload={"batch_size": Integer("records in the first transaction", 1, 100_000)},
)
