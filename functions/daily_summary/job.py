from slowmatch.jobs import Addresses, Boolean, Date, Job

JOB = Job(
    name="daily-summary",
    description="Emails the number of records and how many were created and how many expired in the last 24 hours.",
    payload={
        "day": Date("the day (UTC) to report on; if omitted, the last 24 hours"),
        "recipients": Addresses("recipients to use instead of the usual ones"),
        "resend": Boolean("send it again to recipients who have already received it"),
    },
)
