from slowmatch.jobs import Addresses, Boolean, Date, Job

JOB = Job(
    name="daily-summary",
    description="Mails the number of records, and how many were created and expired in the last 24 hours.",
    payload={
        "day": Date("the day (UTC) to report; without it, the last 24 hours"),
        "recipients": Addresses("recipients in place of MAIL_RECIPIENTS"),
        "resend": Boolean("also send what was already sent"),
    },
)
