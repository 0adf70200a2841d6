from slowmatch.jobs import Addresses, Job

JOB = Job(
    name="send-test-mail",
    description="Sends a test mail in the same way as the daily summary, and shows the provider's answer.",
    payload={"to": Addresses("recipients in place of MAIL_RECIPIENTS")},
    max_running=None,
    max_attempts=1,
    role="admin",
    form="Send a test mail",
)
