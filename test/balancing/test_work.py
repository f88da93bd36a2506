"""Pieces of a run: shared by processes, kept against interruptions."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from balanced_bc.balancing.comparison import PHASE, compared
from balanced_bc.balancing.config import BalancingConfig, Method
from balanced_bc.balancing.errors import BalancingError
from balanced_bc.balancing.methods import LEARNED, balance
from balanced_bc.balancing.problem import Problem
from balanced_bc.balancing.result import Balance, Progress, Run
from balanced_bc.balancing.work import Kept, Work, blocks, together

ProblemOf = Callable[..., Problem]
QUICK = BalancingConfig(method="ours", steps=12, batch=8, repeats=2, evaluate_every=4, evaluation=64, lanes_at_once=4)


class Shelf:
    """A ledger in memory, which can be told to break off after so many pieces."""

    def __init__(self, most: int = 10**6) -> None:
        self.pieces: dict[str, Kept] = {}
        self.most = most

    def find(self, name: str) -> Kept | None:
        """Look a piece up."""
        return self.pieces.get(name)

    def keep(self, name: str, piece: Kept) -> None:
        """Keep a piece, or break off."""
        if len(self.pieces) == self.most:
            raise KeyboardInterrupt
        self.pieces[name] = piece

    def pause(self) -> None:
        """Nobody else works."""
        raise AssertionError("waits for a piece that nobody does")


class Board(Shelf):
    """A shelf that several processes look at."""

    def pause(self) -> None:
        """Somebody else will do it."""


def run(problem: Problem, config: BalancingConfig, work: Work) -> tuple[Balance, list[Progress]]:
    moments = list(balance(problem, config, work))
    assert moments[-1].result is not None
    return moments[-1].result, moments


@given(processes=st.integers(1, 9), pieces=st.integers(1, 9))
def test_every_piece_is_done_by_somebody_and_members_know_their_place(processes: int, pieces: int) -> None:
    for number in range(pieces):
        doing = [Work(rank=rank, size=processes) for rank in range(processes)]
        doing = [work for work in doing if work.does(number, pieces)]
        inside = [work.piece("piece", number, pieces) for work in doing]
        assert [part.rank for part in inside] == list(range(len(doing)))
        assert {part.size for part in inside} == {len(doing)}


@given(number=st.integers(1, 50), size=st.integers(1, 20))
def test_blocks_are_all_in_order(number: int, size: int) -> None:
    cut = blocks(number, size)
    assert [index for block in cut for index in block] == list(range(number))
    assert max(map(len, cut)) <= size


@pytest.mark.parametrize("method", LEARNED)
def test_a_run_that_is_broken_off_after_each_piece_gives_the_same_bits_and_the_same_history(
    method: Method, problem_of: ProblemOf
) -> None:
    problem, config = problem_of((0.1, 0.5, 0.3), (200, 60, 90)), replace(QUICK, method=method)
    whole, moments = run(problem, config, Work())
    shelf = Shelf(0)
    with pytest.raises(KeyboardInterrupt):
        run(problem, config, Work(shelf))
    for shelf.most in range(1, 100):
        try:
            found, again = run(problem, config, Work(shelf))
            break
        except KeyboardInterrupt:
            assert len(shelf.pieces) == shelf.most
    assert torch.equal(found.weights, whole.weights)
    assert found.references == whole.references
    told = [(now.repetition, now.step, now.weights.tolist()) for now in again if now.phase == "weights"]
    assert told == [(now.repetition, now.step, now.weights.tolist()) for now in moments if now.phase == "weights"]


@pytest.mark.parametrize("method", LEARNED)
def test_what_is_done_is_not_done_again(method: Method, problem_of: ProblemOf) -> None:
    problem, config = problem_of((0.1, 0.5), (200, 60)), replace(QUICK, method=method)
    shelf = Shelf()
    first, _ = run(problem, config, Work(shelf))

    def forbidden(*_: object) -> torch.Tensor:
        raise AssertionError("a network was trained")

    second, _ = run(replace(problem, negative_log_likelihood=forbidden), config, Work(shelf))
    assert torch.equal(first.weights, second.weights)


def test_lanes_cut_into_blocks_give_the_same_weights(problem_of: ProblemOf) -> None:
    problem = problem_of((0.1, 0.5, 0.3), (200, 60, 90))
    config = replace(QUICK, method="ours", vectorize=False)
    one, cut = (run(problem, replace(config, lanes_at_once=n), Work())[0].weights for n in (64, 4))
    assert torch.equal(one, cut)


def test_progress_never_goes_back(problem_of: ProblemOf) -> None:
    _, moments = run(problem_of((0.1, 0.5, 0.3), (200, 60, 90)), QUICK, Work())
    done = [now.done for now in moments]
    assert done == sorted(done)
    assert done[-1] == 1


def by_turns(processes: list[Iterator[Progress]]) -> list[list[Progress]]:
    """Run processes, a step of each at a time; what each told."""
    told: list[list[Progress]] = [[] for _ in processes]
    going = dict(enumerate(processes))
    while going:
        for number, process in list(going.items()):
            if (now := next(process, None)) is None:
                del going[number]
            else:
                told[number].append(now)
    return told


@pytest.mark.parametrize("processes", [2, 3])
def test_processes_that_share_a_run_and_its_comparison_all_have_the_answer_of_one(
    processes: int, problem_of: ProblemOf
) -> None:
    problem = problem_of((0.1, 0.5), (200, 60))
    config = replace(QUICK, method="minimax", compare="full", repeats=3)
    alone = list(compared(problem, config, problem))[-1].result
    assert alone is not None
    board = Board()
    works = [Work(board, "", rank, processes) for rank in range(processes)]
    for moments in by_turns([compared(problem, config, problem, work) for work in works]):
        found = moments[-1].result
        assert found is not None
        assert torch.equal(found.weights, alone.weights)
        assert [row.method for row in found.comparison] == [row.method for row in alone.comparison]
        for one, other in zip(found.comparison, alone.comparison):
            assert torch.equal(one.difference, other.difference)
        assert {now.phase for now in moments[:-1] if now.result is not None} == {PHASE}
    assert {"comparison-0.", "comparison-2.", "comparison-remix.repetition-1."} <= set(board.pieces)


def test_a_comparison_that_is_broken_off_after_each_piece_says_the_same(problem_of: ProblemOf) -> None:
    problem, config = problem_of((0.1, 0.5), (200, 60)), replace(QUICK, method="zero", compare="full")
    whole = list(compared(problem, config, problem))[-1].result
    assert whole is not None
    shelf, broken = Shelf(0), 0
    while True:
        try:
            *_, last = compared(problem, config, problem, Work(shelf))
            break
        except KeyboardInterrupt:
            shelf.most, broken = shelf.most + 1, broken + 1
    assert broken > 8
    assert last.result is not None
    assert [row.losses.tolist() for row in last.result.comparison] == [row.losses.tolist() for row in whole.comparison]


def test_who_waits_for_a_piece_that_cannot_be_done_hears_why() -> None:
    def fails(_: Work) -> Run[None]:
        yield from ()
        raise BalancingError("the loss of a is not finite")

    def works(_: Work) -> Run[None]:
        yield from ()

    def process(rank: int) -> Generator[Progress, None, None]:
        with pytest.raises(BalancingError, match="the loss of a is not finite"):
            yield from together(Work(board, "", rank, 2), "piece", [works, fails])

    board = Board()
    by_turns([process(0), process(1)])
