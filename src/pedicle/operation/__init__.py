"""The live operation: events change the state, the C-arm looks at it, the log replays to the same state.

A person, a script and the command line send the same events. What is seen while cement flows is asked here, the one place
that may use both injection and fluoroscopy.
"""

from __future__ import annotations

from pedicle.operation.looking import Exposure, expose, prepared
from pedicle.operation.state import apply, measured, moved, replay, triple

__all__ = ["Exposure", "apply", "expose", "measured", "moved", "prepared", "replay", "triple"]
