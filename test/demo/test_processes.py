"""Processes that always end."""

from __future__ import annotations

from pathlib import Path

from balanced_bc.demo.processes import command, literal


def test_parameters_keep_their_type_on_the_command_line() -> None:
    assert [literal(value) for value in (True, 1.0, 7, "1", ["a=b"], Path("x"))] == [
        "true",
        "1.0",
        "7",
        '"1"',
        '["a=b"]',
        '"x"',
    ]


def test_a_node_is_started_as_a_person_would() -> None:
    assert list(command("recorder", {"dataset": Path("d")}))[1:] == [
        "-m",
        "balanced_bc.nodes.recorder",
        "--ros-args",
        "-p",
        'dataset:="d"',
    ]
