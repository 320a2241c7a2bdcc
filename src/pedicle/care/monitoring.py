"""What is watched before, during and after, on the operation's clock."""

from __future__ import annotations

from collections.abc import Sequence

from pedicle.care.rows import Rows
from pedicle.model.acts import CementMixed, Turned
from pedicle.model.care import Phase, Watch
from pedicle.model.cure import CementClock
from pedicle.model.events import Event, InjectionStarted
from pedicle.model.sourced import Quantity


def monitoring(events: Sequence[Event], clocks: Sequence[CementClock], rows: Rows) -> tuple[Watch, ...]:
    """The schedule. Times after the procedure run from the turn onto the back: the one in the log, else the earliest the cement
    clocks allow with their margin, else None; then only the steps are known."""
    every, lasts = rows.numbers("monitoring.every"), rows.numbers("monitoring.lasts")
    turned, since = turn_s(events, clocks, lasts["margin"])
    started = next((event.t_s for event in events if isinstance(event, CementMixed | InjectionStarted)), None)
    begin = events[0].t_s if events else None

    def watch(
        phase: Phase, name: str, when: str, span: tuple[float | None, float | None], *used: str, words: str = ""
    ) -> Watch:
        found = {key: row for key, row in {**every, **lasts}.items() if key in used}
        step = next((row.value for key, row in found.items() if key in every), None)
        return Watch(phase, name, when, *span, step, rows.statement(f"monitoring.words.{words or name}"), found)

    first, second = after(turned, lasts["first"]), after(after(turned, lasts["first"]), lasts["second"])
    return (
        watch("before", "baseline", "before the first drug", (None, begin), words="before"),
        watch("during", "continuous", "from the first drug until awake", (begin, turned)),
        watch("during", "oxygen", "from the first drug", (begin, turned)),
        watch("during", "vitals", "from the first drug until turned", (begin, turned), "during"),
        watch("during", "pressure at cement", "at each injection of cement", (started, after(started, every["cement_watch"])), "cement_watch", words="cement"),
        watch("during", "lying still", since, (started, turned), "margin", words="turning"),
        watch("during", "legs before turning", "before and after turning", (turned, turned), words="legs"),
        watch("after", "vitals, first hour", "from turning", (turned, first), "after_first", "first", words="vitals"),
        watch("after", "legs, first hour", "from turning", (turned, first), "after_first", "first", words="legs"),
        watch("after", "vitals, second hour", "from an hour after turning", (first, second), "after_second", "second", words="vitals"),
        watch("after", "legs, second hour", "from an hour after turning", (first, second), "after_second", "second", words="legs"),
        watch("after", "flat in bed", "from turning", (turned, bed_until_s(turned, clocks, lasts)), "flat", "margin", words="bed"),
        watch("after", "pain", "at the end and 2 h later", (turned, after(turned, lasts["pain_again"])), "pain_again"),
        watch("after", "oxygen off", "when saturation is normal", (turned, None), words="oxygen_off"),
        watch("after", "line out", "from an hour after turning", (after(turned, lasts["line_out"]), None), "line_out", words="line_out"),
        watch("after", "call", "at any time", (turned, None), words="red_flag"),
    )  # fmt: skip


def after(from_s: float | None, row: Quantity) -> float | None:
    """A time later by a row; None stays None."""
    return None if from_s is None else from_s + row.value


def turn_s(events: Sequence[Event], clocks: Sequence[CementClock], margin: Quantity) -> tuple[float | None, str]:
    """When the patient is turned, s: as logged, else when the last cement is hard and the margin over."""
    logged = next((event.t_s for event in events if isinstance(event, Turned)), None)
    if logged is not None:
        return logged, "until turned, as logged"
    if not clocks or any(clock.turn_s is None for clock in clocks):
        return None, "until the cement is hard: its clock is not computed, or did not reach that"
    hard = max(clock.turn_s for clock in clocks if clock.turn_s is not None)
    return hard + margin.value, f"until the cement is hard by its clock and {margin.value / 60:g} min more"


def bed_until_s(turned: float | None, clocks: Sequence[CementClock], lasts: dict[str, Quantity]) -> float | None:
    """Until when flat: an hour from turning, and until cement may carry and the margin is over; None while either is not known."""
    if turned is None or not clocks or any(clock.stand_s is None for clock in clocks):
        return None
    stand = max(clock.stand_s for clock in clocks if clock.stand_s is not None)
    return max(turned + lasts["flat"].value, stand + lasts["margin"].value)
