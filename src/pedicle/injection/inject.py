"""One needle's whole injection in one call: for the shop window, studies and notebooks."""

from __future__ import annotations

from pedicle.injection.batch import pushed_to
from pedicle.injection.finish import finish
from pedicle.injection.options import InjectOptions
from pedicle.injection.session import ended, start
from pedicle.injection.site import ready_s, site_of
from pedicle.model.errors import InputError
from pedicle.model.fill import Fill
from pedicle.model.frames import Side
from pedicle.model.placed import PlacedNeedle
from pedicle.model.vertebra import Vertebra


def inject(vertebra: Vertebra, needle: PlacedNeedle, side: Side, options: InjectOptions | None = None) -> Fill:
    """`options.volume` millilitres pushed through a cannula in place, stylet out, without looking: no rule stops it but the syringe's force.

    The scripted operator of `pedicle inject`, who looks and stops, is `procedure.operate`. InputError 750 without a volume; refusals
    as `session.start`, 421 and 740 as `site_of`.
    """
    options = options or InjectOptions()
    if options.volume is None:
        raise InputError(
            750, vertebra.level, "no volume to inject", "above 0, at most 20 ml", "InjectOptions(volume=...)"
        )
    site = site_of(vertebra, options)
    state = start(site, needle, side, 0.0, -ready_s(options), options.volume)
    state = pushed_to(site, state, options.volume, options.flow)
    reason = "the volume asked for is in" if state.injected_ml >= options.volume - 0.01 else "the syringe's force"
    return finish(site, ended(state, reason))
