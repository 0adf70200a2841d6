"""Whether Amazon SQS decides by the tags of queues in a stage's region, as the policy RunSending needs it."""

from tools.stage import Stage

EXCEPTIONS = {
    "ap-south-2": "Hyderabad",
    "ap-southeast-4": "Melbourne",
    "eu-central-2": "Zurich",
    "eu-south-2": "Spain",
}
"""By AWS's page "Attribute-based access control for Amazon SQS"."""


def warning(stage: Stage) -> str | None:
    """What would not work in the stage's region, None if nothing is known to."""
    region = stage.client("sqs").meta.region_name
    if region not in EXCEPTIONS:
        return None
    return (
        f"in {region} ({EXCEPTIONS[region]}) Amazon SQS does not decide by the tags of queues, as far as AWS has"
        f" documented: the functions may then send no run to its queue, and no job is done. Choose another region, or"
        f" make sure that SQS supports attribute-based access control there by now"
    )
