"""The protocol of layers, walked through: law 13 holds whatever clients, crashes and the base's owner do."""

import pytest

from tests.naming.model_layers import NONE, Layers, run
from tests.naming.walk import Violation


def test_no_interleaving_breaks_a_promise():
    """Promote replaces only what was seen, what was written reads, what was deleted stays away."""
    assert run(Layers()) > 50_000


class NobodyClaims(Layers):
    """Changes without being the only one."""

    def claimed(self, work):
        return work


class RemovesTheValueFirst(Layers):
    """Puts the tombstone once the value is gone."""

    def removed(self, name, top, seen, base):
        if top != NONE:
            yield ("drop", "top")
        if base != NONE or seen != NONE:
            yield ("put_gone", seen, name)


class DiscardsTheValueFirst(Layers):
    """Leaves a tombstone for a moment."""

    def discarded(self):
        return "top", "gone", "saw"


class LooksAgain(Layers):
    """Takes what the base has at the latest write for what was seen."""

    def note_what_was_seen(self, top, saw, gone):
        base = yield ("base",)
        if base != NONE:
            yield ("put_saw", base)

    def swap(self, name, top, read):
        yield from self.note_what_was_seen(top, None, None)
        return (yield from super().swap(name, top, read))


class PromotesBlindly(Layers):
    """Replaces whatever the base has."""

    def condition(self, seen, base):
        return None


class PromotesOverALook(Layers):
    """Replaces what the base has at that moment, whatever was seen."""

    def condition(self, seen, base):
        return base


class SwapsBlindly(Layers):
    """Puts what it made from a value over any other."""

    def swap(self, name, top, read):
        if top == NONE:
            yield ("put_saw", read)
        yield ("put_top", name, read)
        return True


@pytest.mark.parametrize(
    ("weak", "only"),
    [
        (NobodyClaims(), "two deleters and a promoter"),
        (RemovesTheValueFirst(), "writer and deleter"),
        (DiscardsTheValueFirst(), "discarder"),
        (LooksAgain(), "modifiers, owner, promoter"),
        (PromotesBlindly(), "writer, owner, two promoters"),
        (PromotesOverALook(), "deleter, owner, promoter"),
        (SwapsBlindly(), "modifier, writer, owner, promoter"),
    ],
    ids=lambda case: type(case).__name__ if isinstance(case, Layers) else "",
)
def test_a_weaker_protocol_is_noticed(weak, only):
    """Without any one of its steps a promise breaks, and the walk finds it."""
    with pytest.raises(Violation):
        run(weak, only)
