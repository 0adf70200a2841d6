from slowmatch.jobs import Addresses, Boolean, Date, Job

JOB = Job(
    name="daily-summary",
    description="Mails how many records there are, and how many came and expired in the last 24 hours.",
    payload={
        "day": Date("the day (UTC) to report at its end; without it, the last 24 hours"),
        "recipients": Addresses("who gets it instead of MAIL_RECIPIENTS"),
        "resend": Boolean("send again what was already sent"),
    },
)
