from slowmatch.jobs import Addresses, Job

JOB = Job(
    name="send-test-mail",
    description="Sends a test email in the same way as the daily summary and shows the provider's response.",
    payload={"to": Addresses("recipients to use instead of the usual ones")},
    max_running=None,
    max_attempts=1,
    role="admin",
    form="Send a test email",
    notify_by_default=False,  # who sends a test mail sees that it failed
)
