"""Messages that are no stream: what is written is what is read."""

from __future__ import annotations

import numpy as np

from balanced_bc.nodes import messages

STAMP = 3_200_000_001


def test_labelled_numbers_survive() -> None:
    weights = {"drawer": 0.25, "left+optimal": 0.75}
    assert messages.values_of(messages.labelled(weights)) == weights


def test_coverage_survives_and_says_what_to_record_next() -> None:
    message = messages.coverage({"drawer": 5, "slider": 2}, "slider", STAMP)
    assert messages.counts_of(message) == {"drawer": 5, "slider": 2}
    assert [status.message for status in message.status] == ["", "record next"]


def test_camera_intrinsics_follow_from_the_field_of_view() -> None:
    info = messages.camera_info(200, 200, np.pi / 2, STAMP, "static_camera")
    assert np.allclose(info.k, (100, 0, 100, 0, 100, 100, 0, 0, 1))
