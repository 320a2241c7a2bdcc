"""A few vector operations, spelled out for the compiler.

The compiler does not know that two arrays never overlap, and leaves short inner loops scalar for it. These say what is
meant: sixteen neighbours at once. On machines with narrower vectors the compiler splits them. Nothing is checked: the
caller vouches for every index.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import extending
from numba.core import cgutils, types

LANES = 16
# The decorator hides the typing context from callers, which a type checker cannot see.
intrinsic: Any = extending.intrinsic
_FLOAT = ir.FloatType()
_VECTOR = ir.VectorType(_FLOAT, LANES)
_WORD = ir.IntType(32)
_FOUR = ir.VectorType(_FLOAT, 4)


def _pointer(context: Any, builder: Any, kind: Any, array: Any, index: Any) -> Any:
    data = context.make_array(kind)(context, builder, array).data
    return builder.gep(data, [index], inbounds=True)


def _load(builder: Any, pointer: Any) -> Any:
    found = builder.load(builder.bitcast(pointer, _VECTOR.as_pointer()))
    found.align = 4
    return found


def _store(builder: Any, value: Any, pointer: Any) -> None:
    builder.store(value, builder.bitcast(pointer, _VECTOR.as_pointer())).align = 4


def _spread(builder: Any, scalar: Any) -> Any:
    """A vector with one value in every lane."""
    first = builder.insert_element(ir.Constant(_VECTOR, ir.Undefined), scalar, ir.Constant(_WORD, 0))
    mask = ir.Constant(ir.VectorType(_WORD, LANES), [0] * LANES)
    return builder.shuffle_vector(first, ir.Constant(_VECTOR, ir.Undefined), mask)


def _multiply_add(builder: Any, a: Any, b: Any, c: Any) -> Any:
    """a b + c, in one rounding where the machine can."""
    kind = ir.FunctionType(a.type, [a.type] * 3)
    function = cgutils.get_or_insert_function(builder.module, kind, f"llvm.fmuladd.v{a.type.count}f32")
    return builder.call(function, [a, b, c])


def _as_float(builder: Any, value: Any) -> Any:
    return value if isinstance(value.type, ir.FloatType) else builder.sitofp(value, _FLOAT)


def _rows(fresh: bool) -> Any:
    def typed(
        _: Any,
        out: Any,
        o: Any,
        stride: Any,
        values: Any,
        p0: Any,
        p1: Any,
        p2: Any,
        p3: Any,
        count: Any,
        weight: Any,
        w: Any,
    ) -> Any:
        whole = types.intp
        signature = types.void(out, whole, whole, values, whole, whole, whole, whole, whole, weight, whole)

        def generate(context: Any, builder: Any, signature: Any, given: Any) -> Any:
            out, o, stride, values, p0, p1, p2, p3, count, weight, w = given
            kinds = signature.args
            places = [_pointer(context, builder, kinds[3], values, p) for p in (p0, p1, p2, p3)]
            start = _pointer(context, builder, kinds[0], out, o)
            first = _pointer(context, builder, kinds[9], weight, w)
            lanes = [builder.gep(first, [ir.Constant(w.type, LANES * n)]) for n in range(4)]
            weights = [_load(builder, lane) for lane in lanes]
            with cgutils.for_range(builder, count) as loop:
                place = builder.gep(start, [builder.mul(loop.index, stride)])
                total = ir.Constant(_VECTOR, None) if fresh else _load(builder, place)
                for row, vector in zip(places, weights, strict=True):
                    value = _as_float(builder, builder.load(builder.gep(row, [loop.index])))
                    total = _multiply_add(builder, _spread(builder, value), vector, total)
                _store(builder, total, place)
            return context.get_dummy_value()

        return signature, generate

    return typed


@intrinsic
def set_rows(
    typing_context: Any,
    out: Any,
    o: Any,
    stride: Any,
    values: Any,
    p0: Any,
    p1: Any,
    p2: Any,
    p3: Any,
    count: Any,
    weight: Any,
    w: Any,
) -> Any:
    """out[o + stride k + lane] = sum over four rows of values[p + k] weight[w + 16 row + lane], k below `count`."""
    return _rows(True)(typing_context, out, o, stride, values, p0, p1, p2, p3, count, weight, w)


@intrinsic
def add_rows(
    typing_context: Any,
    out: Any,
    o: Any,
    stride: Any,
    values: Any,
    p0: Any,
    p1: Any,
    p2: Any,
    p3: Any,
    count: Any,
    weight: Any,
    w: Any,
) -> Any:
    """The same added to `out`."""
    return _rows(False)(typing_context, out, o, stride, values, p0, p1, p2, p3, count, weight, w)


@intrinsic
def add_blend(typing_context: Any, out: Any, o: Any, strip: Any, a: Any, b: Any, u: Any, v: Any) -> Any:
    """out[o + lane] += u strip[a + lane] + v strip[b + lane] for sixteen lanes; u and v are float32."""

    def generate(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        out, o, strip, a, b, u, v = given
        place = _pointer(context, builder, signature.args[0], out, o)
        near = _load(builder, _pointer(context, builder, signature.args[2], strip, a))
        far = _load(builder, _pointer(context, builder, signature.args[2], strip, b))
        total = _multiply_add(builder, _spread(builder, u), near, _load(builder, place))
        _store(builder, _multiply_add(builder, _spread(builder, v), far, total), place)
        return context.get_dummy_value()

    whole, share = types.intp, types.float32
    return types.void(out, whole, strip, whole, whole, share, share), generate


@intrinsic
def cubic_sum(typing_context: Any, image: Any, first: Any, stride: Any, down: Any, across: Any) -> Any:
    """Sum over four rows k and columns l of down[k] across[l] image[first + stride k + l]; weights are tuples of float32."""

    def generate(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        image, first, stride, down, across = given
        place, total = first, None
        for k in range(4):
            pointer = _pointer(context, builder, signature.args[0], image, place)
            row = builder.load(builder.bitcast(pointer, _FOUR.as_pointer()))
            row.align = 4
            weight = _four(builder, [builder.extract_value(down, k)] * 4)
            total = builder.fmul(row, weight) if total is None else _multiply_add(builder, row, weight, total)
            place = builder.add(place, stride)
        shares = _four(builder, [builder.extract_value(across, n) for n in range(4)])
        parts = builder.fmul(total, shares)
        one, two, three, four = (builder.extract_element(parts, ir.Constant(_WORD, n)) for n in range(4))
        return builder.fadd(builder.fadd(one, two), builder.fadd(three, four))

    whole, weights = types.intp, types.UniTuple(types.float32, 4)
    return types.float32(image, whole, whole, weights, weights), generate


def _four(builder: Any, scalars: Any) -> Any:
    found = ir.Constant(_FOUR, ir.Undefined)
    for n, scalar in enumerate(scalars):
        found = builder.insert_element(found, scalar, ir.Constant(_WORD, n))
    return found
