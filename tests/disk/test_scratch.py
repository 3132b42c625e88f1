"""Temporary folders: there while anybody works in them, gone afterwards."""

import itertools
import os

from autostore.disk.scratch import Scratch
from tests.reliability.interrupts import Between


def test_who_comes_in_while_the_last_one_leaves_keeps_the_folder(tmp_path):
    """Another thread's call may begin, and a third one close the store, between any two lines of a call's end."""
    # Mutation that this was seen to catch: leave() asks for users first, and whether it was closed afterwards.
    for number in itertools.count(1):
        scratch, came = Scratch(tmp_path), []
        last = scratch.files()
        (last / "1").write_text("")

        def come_in_and_close(scratch=scratch, came=came):
            came.append(scratch.files())
            scratch.close()

        at = Between(number, come_in_and_close)
        assert at.run(last.__exit__) is None
        if not at.where:
            break
        (came[0] / "2").write_text("")  # the folder is there
        came[0].__exit__()
        assert os.listdir(tmp_path) == [], at.where
    assert number > 10
