"""A program that keeps one processor busy without using PostgreSQL: what the machine alone does to others."""

from time import perf_counter

from benchmarks.peers.protocol import serve


def work(seconds: float) -> int:
    end = perf_counter() + seconds
    turns = 0
    while perf_counter() < end:
        turns += 1
    return turns


if __name__ == "__main__":
    serve({"work": work})
