"""Who operates in a batch run: the options of the scripted operator. Here because the doors read them without loading the procedure."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from pedicle.model.options import options

Policy = Literal["careful", "average", "careless"]


@options
class ScriptOptions:
    """Who operates in a batch run: a script with a policy and an error of placement. Not evidence of how a person works."""

    policy: Policy = "careful"
    """How exactly the scripted operator works and what it looks at: careful, average, careless."""
    placement: Annotated[float, Field(ge=0, le=5)] = 1.0
    """Error of placing a needle over the policy's own; 0 puts every needle on its plan."""
    hand_seed: Annotated[int, Field(ge=0, le=4_294_967_295)] = 1
    """Seed of the placement's error."""
