"""Stiffness times displacement on a grid of cubes, without a matrix.

Displacements and forces are (3, stride): component after component, each the nodes of an (nx + 1, ny + 1, nz + 1) grid in C
order and then `PADDING`. The modulus is (stride,) in the same order, element (i, j, k) where its first corner is; the last of
each axis holds 0, so that a plane of elements is one long row for the vector units and its loose ends carry nothing.

A row of elements goes to sums and differences of its corners (`mechanics.elements`), is multiplied there, and comes back.
Slabs of `CHUNK` planes are given to threads, even ones first, then odd ones: every node gets its parts in one order.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import extending
from numba.core import cgutils, types

from pedicle.kernels.jit import kernel, parallel_kernel, prange

# A type checker cannot see through the decorator.
intrinsic: Any = extending.intrinsic
# Behind each component: vectors run over the end of the last plane.
PADDING = 64
# Planes of elements a thread takes at once.
CHUNK = 4
BYTES = 64
_WORD = ir.IntType(32)


def _coupled() -> tuple[tuple[int, int], ...]:
    """Pairs of modes (8 component + mode) that a cube couples: they turn alike under each mirror."""
    pairs = []
    for sign in range(8):
        own = [8 * c + (sign ^ bit) for c, bit in enumerate((4, 2, 1)) if sign ^ bit not in (0, 7)]
        pairs += [(a, b) for n, a in enumerate(own) for b in own[n + 1 :]]
    return tuple(pairs)


COUPLED = _coupled()


class _Lanes:
    """Vectors of one float type in a function being built."""

    def __init__(self, builder: Any, scalar: Any, size: int) -> None:
        self.builder, self.scalar = builder, scalar
        self.count, self.bytes = BYTES // size, size
        self.kind = ir.VectorType(scalar, self.count)

    def load(self, pointer: Any) -> Any:
        found = self.builder.load(self.builder.bitcast(pointer, self.kind.as_pointer()))
        found.align = self.bytes
        return found

    def store(self, value: Any, pointer: Any) -> None:
        self.builder.store(value, self.builder.bitcast(pointer, self.kind.as_pointer())).align = self.bytes

    def spread(self, scalar: Any) -> Any:
        nothing = ir.Constant(self.kind, ir.Undefined)
        first = self.builder.insert_element(nothing, scalar, ir.Constant(_WORD, 0))
        return self.builder.shuffle_vector(first, nothing, self._order([0] * self.count))

    def shifted(self, before: Any, now: Any) -> Any:
        """`now` one lane on; the last of `before` comes in."""
        return self.builder.shuffle_vector(before, now, self._order(range(self.count - 1, 2 * self.count - 1)))

    def first(self, count: Any, value: Any) -> Any:
        """`value` in the first `count` lanes, 0 in the others."""
        wide = ir.VectorType(count.type, self.count)
        numbers = ir.Constant(wide, list(range(self.count)))
        nothing = ir.Constant(wide, ir.Undefined)
        limit = self.builder.shuffle_vector(
            self.builder.insert_element(nothing, count, ir.Constant(_WORD, 0)), nothing, self._order([0] * self.count)
        )
        below = self.builder.icmp_signed("<", numbers, limit)
        return self.builder.select(below, value, ir.Constant(self.kind, None))

    def multiply_add(self, a: Any, b: Any, c: Any) -> Any:
        name = f"llvm.fmuladd.v{self.count}f{8 * self.bytes}"
        function = cgutils.get_or_insert_function(
            self.builder.module, ir.FunctionType(self.kind, [self.kind] * 3), name
        )
        return self.builder.call(function, [a, b, c])

    def _order(self, places: Any) -> Any:
        return ir.Constant(ir.VectorType(_WORD, self.count), list(places))


def _sum_difference(lanes: _Lanes, values: list[Any], bit: int) -> list[Any]:
    """Over pairs of corners that differ in one bit: the sum where the bit is 0, first less second where it is 1."""
    found = list(values)
    for n in range(len(values)):
        if not n & bit:
            found[n] = lanes.builder.fadd(values[n], values[n | bit])
            found[n | bit] = lanes.builder.fsub(values[n], values[n | bit])
    return found


def _times_modes(lanes: _Lanes, modes: list[Any], constants: Any) -> list[Any]:
    """The modal stiffness times modes; `constants(n)` is its n-th number in all lanes."""
    found = [None] * 24
    for n in range(24):
        if n & 7:
            found[n] = lanes.builder.fmul(constants(n), modes[n])
    for n, (a, b) in enumerate(COUPLED):
        constant = constants(24 + n)
        found[a] = lanes.multiply_add(constant, modes[b], found[a])
        found[b] = lanes.multiply_add(constant, modes[a], found[b])
    return found


def _element(lanes: _Lanes, corner: Any, modulus: Any, constants: Any, carried: list[Any]) -> list[Any]:
    """Forces (component, along first, along second axis) at the near nodes of a vector of elements: 12 vectors."""
    modes = []
    for c in range(3):
        values = [corner(c, n) for n in range(8)]
        for bit in (4, 2, 1):
            values = _sum_difference(lanes, values, bit)
        modes += values
    forces = _times_modes(lanes, modes, constants)
    found = []
    for c in range(3):
        rows = [
            _along_row(lanes, forces[8 * c + 2 * n : 8 * c + 2 * n + 2], modulus, carried[4 * c + n]) for n in range(4)
        ]
        for bit in (2, 1):
            rows = _sum_difference(lanes, rows, bit)
        found += rows
    return found


def _along_row(lanes: _Lanes, pair: list[Any], modulus: Any, carried: Any) -> Any:
    """Sum and difference along the row brought to its nodes; what belongs to the next node is carried on."""
    builder = lanes.builder
    odd = builder.fmul(modulus, pair[1])
    if pair[0] is None:
        near, far = odd, builder.fneg(odd)
    else:
        even = builder.fmul(modulus, pair[0])
        near, far = builder.fadd(even, odd), builder.fsub(even, odd)
    from_before = lanes.shifted(builder.load(carried), far)
    builder.store(far, carried)
    return builder.fadd(near, from_before)


@intrinsic
def _add_rows(
    typing_context: Any,
    out: Any,
    u: Any,
    modulus: Any,
    modes: Any,
    first: Any,
    row: Any,
    plane: Any,
    stride: Any,
    count: Any,
) -> Any:
    """out += A u of `count` elements in a row from `first`; what vectors run over is multiplied with 0."""
    whole = types.intp
    signature = types.void(out, u, modulus, modes, whole, whole, whole, whole, whole)
    scalar, size = (ir.FloatType(), 4) if out.dtype == types.float32 else (ir.DoubleType(), 8)

    def generate(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        kinds = signature.args
        data = [context.make_array(kinds[n])(context, builder, given[n]).data for n in range(4)]
        first, row, plane, stride, count = given[4:]
        lanes = _Lanes(builder, scalar, size)
        offsets = _corner_offsets(builder, row, plane, stride)
        carried = [cgutils.alloca_once_value(builder, ir.Constant(lanes.kind, None)) for _ in range(12)]
        held = [lanes.spread(builder.load(builder.gep(data[3], [ir.Constant(row.type, n)]))) for n in range(36)]
        width = ir.Constant(count.type, lanes.count)
        blocks = builder.sdiv(builder.add(count, ir.Constant(count.type, lanes.count - 1)), width)
        with cgutils.for_range(builder, blocks) as loop:
            at = builder.add(first, builder.mul(loop.index, width))
            source, target = builder.gep(data[1], [at]), builder.gep(data[0], [at])
            left = builder.sub(count, builder.mul(loop.index, width))
            modulus = lanes.first(left, lanes.load(builder.gep(data[2], [at])))
            found = _element(
                lanes,
                lambda c, n: lanes.load(builder.gep(source, [offsets[c][n]])),
                modulus,
                lambda n: held[n],
                carried,
            )
            for n, force in enumerate(found):
                place = builder.gep(target, [offsets[n // 4][2 * (n % 4)]])
                lanes.store(builder.fadd(lanes.load(place), force), place)
        return context.get_dummy_value()

    return signature, generate


def _corner_offsets(builder: Any, row: Any, plane: Any, stride: Any) -> list[list[Any]]:
    """Where the eight corners of an element lie after its first, by component."""
    one, found = ir.Constant(row.type, 1), []
    start: Any = ir.Constant(row.type, 0)
    for _ in range(3):
        places = []
        for n in range(8):
            place = start
            for bit, step in ((4, plane), (2, row), (1, one)):
                place = builder.add(place, step) if n & bit else place
            places.append(place)
        found.append(places)
        start = builder.add(start, stride)
    return found


@kernel
def _add_chunk(out: Any, u: Any, modulus: Any, modes: Any, shape: Any, stride: int, chunk: int) -> None:
    row = shape[2] + 1
    plane = (shape[1] + 1) * row
    for i in range(chunk * CHUNK, min((chunk + 1) * CHUNK, shape[0])):
        _add_rows(out, u, modulus, modes, i * plane, row, plane, stride, shape[1] * row)


@parallel_kernel
def add_product(out: Any, u: Any, modulus: Any, modes: Any, shape: Any, stride: int) -> None:
    """out += A u; arrays flat as the module says, `shape` the elements by axis. The same to the last bit on any number of threads."""
    chunks = (shape[0] + CHUNK - 1) // CHUNK
    for turn in range(2):
        for n in prange((chunks - turn + 1) // 2):
            _add_chunk(out, u, modulus, modes, shape, stride, 2 * n + turn)


@kernel
def add_diagonal(out: Any, modulus: Any, corner: Any, shape: Any) -> None:
    """out += the diagonal of A of one component: a cube's own at its corners, `corner`, times the modulus."""
    row = shape[2] + 1
    plane = (shape[1] + 1) * row
    for i in range(shape[0]):
        for j in range(shape[1]):
            for k in range(shape[2]):
                e = i * plane + j * row + k
                value = modulus[e] * corner
                if value != 0.0:
                    out[e] += value
                    out[e + 1] += value
                    out[e + row] += value
                    out[e + row + 1] += value
                    out[e + plane] += value
                    out[e + plane + 1] += value
                    out[e + plane + row] += value
                    out[e + plane + row + 1] += value
