"""The shape of an answer, for the OpenAPI document only: PostgreSQL renders what is sent."""

from pydantic import BaseModel, ConfigDict


class Answer(BaseModel):
    """Nothing is read with it, so what pydantic would read with is not made at every cold start."""

    model_config = ConfigDict(defer_build=True)
