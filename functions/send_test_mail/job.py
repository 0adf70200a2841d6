from slowmatch.jobs import Addresses, Job

JOB = Job(
    name="send-test-mail",
    description="Sends a test mail the way the summary goes, and shows what the provider answers.",
    payload={"to": Addresses("who gets it instead of MAIL_RECIPIENTS")},
    max_running=None,
    max_attempts=1,
    role="admin",
    form="Send a test mail",
)
