"""What the first run compiles on its second core: real kernels, with types they take, one save after the other."""

from __future__ import annotations

import inspect

import numpy as np
import pytest
from filelock import FileLock, Timeout

from pedicle.kernels import ahead, flow_gravity, jit


def test_the_list_names_kernels_that_exist_with_as_many_types_as_arguments() -> None:
    for module, name, signature in ahead.needed():
        kernel = ahead.kernel_of(module, name)
        assert kernel is not None, f"{module}.{name}: python -m benchmarks.kernels_needed --keep"
        assert len(ahead.signature_of(signature)) == len(inspect.signature(kernel.py_func).parameters), name


def test_what_a_list_lacks_or_has_too_much_stops_nothing() -> None:
    assert ahead.kernel_of("flow_gravity", "no_such_kernel") is None
    assert ahead.kernel_of("no_such_module", "cement_box") is None


def test_a_machine_on_which_one_kernel_is_missing_is_not_done(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(ahead, "CACHE", tmp_path)
    listed = sorted({f"{module}.{name}" for module, name, _ in ahead.needed()})
    for name in listed[1:]:
        (tmp_path / f"{name}-12.py311.nbi").touch()
    assert not ahead.is_compiled()
    (tmp_path / f"{listed[0]}-7.py311.nbi").touch()
    assert ahead.is_compiled()


def test_a_listed_signature_is_the_one_that_a_call_asks_for() -> None:
    listed = [ahead.signature_of(s) for _, name, s in ahead.needed() if name == "cement_box"]
    flow_gravity.cement_box(np.array([3, 3, 3]), np.zeros(27), np.zeros((3, 2), np.int64))
    assert set(flow_gravity.cement_box.signatures) & set(listed)


def test_a_kernel_is_saved_only_when_no_other_process_saves() -> None:
    tried: list[bool] = []

    class Cache:
        def save_overload(self, signature: object, data: object) -> None:
            with pytest.raises(Timeout):
                FileLock(jit.CACHE / ".lock").acquire(timeout=0)
            tried.append(True)

    class Dispatcher:
        _cache = Cache()

    jit._saved_in_turn(Dispatcher())._cache.save_overload((), None)
    assert tried == [True]
