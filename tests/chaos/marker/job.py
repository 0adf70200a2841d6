from slowmatch.jobs import Integer, Job

JOB = Job(
    name="marker",
    description="Leaves a marker for each run.",
    payload={"number": Integer("which one", 0, 1_000_000)},
    max_running=None,
)
