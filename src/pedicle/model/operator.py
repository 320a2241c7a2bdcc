"""Who operates in a batch run: the options of the scripted operator. Here because the doors read them without loading the procedure."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from pedicle.model.errors import InputError
from pedicle.model.finding import GATE_NAMES
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
    override: str | None = None
    """Gates passed against what they find, each with a reason in words: "time-out: consent is in the paper file; volume: ...". The report begins with them."""

    @property
    def typed_reasons(self) -> dict[str, str]:
        """Reason by gate; InputError 751 for words that are not `gate: reason`, or no gate's name.

        >>> ScriptOptions(override="volume: large body; time-out: answered by phone").typed_reasons
        {'volume': 'large body', 'time-out': 'answered by phone'}
        """
        found = {}
        for one in (self.override or "").split(";"):
            gate, colon, reason = (part.strip() for part in one.partition(":"))
            if not one.strip():
                continue
            if gate not in GATE_NAMES or not (colon and reason):
                known = f"gate: reason, of {', '.join(GATE_NAMES)}"
                raise InputError(751, "--override", f"{one.strip()!r}", known, 'write "volume: why"')
            found[gate] = reason
        return found
