"""Small synthetic spines shared by the tests: no soft tissue, two or three levels in the picture."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pedicle.phantom.make import Phantom, make_phantom
from pedicle.phantom.options import FractureOptions, PhantomOptions

WEDGE = FractureOptions(level="L1", shape="wedge", loss_percent=33.0)


@pytest.fixture(scope="session")
def small_options() -> PhantomOptions:
    return PhantomOptions(
        top="T12", bottom="L2", shape=(96, 110, 110), spacing_mm=(1.0, 1.0, 1.0), seed=5, body=False, fractures=(WEDGE,)
    )


@pytest.fixture(scope="session")
def small_phantom(small_options: PhantomOptions) -> Phantom:
    return make_phantom(small_options)


@pytest.fixture(scope="session")
def quiet_phantom(small_options: PhantomOptions) -> Phantom:
    return make_phantom(replace(small_options, noise_hu=0.0))
