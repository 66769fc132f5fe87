"""The rows that an original and a compiled model must answer alike."""

from __future__ import annotations

import time

import numpy as np

from .table import Features, kind_of, rows_of, stacked

MAX_SAMPLE = 10_000
MAX_MIXED = 2_000
MAX_NEAR_THRESHOLDS = 6_000
# Of each feature.
MAX_POOL = 2_000
BISECTED = 256
# Two rows this near to each other, and answered differently, have a boundary between them.
NEARNESS = 1e-12
# How long the original may take for all of them.
BUDGET_S = 60.0
LARGEST_WHOLE = {"INT8": 2**7 - 1, "UINT8": 2**8 - 1, "INT16": 2**15 - 1, "UINT16": 2**16 - 1,
                 "INT32": 2**31 - 1, "UINT32": 2**32 - 1, "INT64": 2**53, "UINT64": 2**53, "BOOL": 1}
UNSEEN = "slipway: a value that no training has seen"


class Cases:
    """Makes cases of one model: name -> rows as features. Always the same ones."""

    def __init__(self, predict, features: Features, example, sample, thresholds, texts):
        self._predict = predict
        self._features = features
        self._random = np.random.default_rng(20_26)
        self._thresholds = thresholds
        self._base = example if sample is None else stacked([example, rows_of(sample, slice(MAX_SAMPLE))])
        started = time.monotonic()
        predict(features.join(rows_of(self._base, slice(64))))
        per_row = (time.monotonic() - started) / min(64, len(self._base[0]))
        self._affordable = max(64, int(BUDGET_S / 4 / max(per_row, 1e-9)))
        self._pools = [self._pool(at, texts) for at in range(features.count)]
        self.found: dict[str, list[np.ndarray]] = {"input example": example}
        if sample is not None:
            self.found["training sample"] = rows_of(sample, slice(MAX_SAMPLE))

    def make(self, accepting) -> dict[str, list[np.ndarray]]:
        """`accepting(kind)`: features that take missing, infinite or very large numbers."""
        numbers = self._features.of_kind("float") + self._features.of_kind("int")
        mixed = self._mixed(min(MAX_MIXED, self._affordable))
        if numbers:
            self.found["zeros and negatives"] = stacked([self._zeros(), self._negatives()])
            self.found["extremes of each column"] = self._extremes(numbers)
        for name, kind, value in (
            ("missing values", "nan", np.nan),
            ("infinite values", "infinite", np.inf),
            ("values beyond float32", "large", 1e39),
        ):
            places = accepting(kind)
            if places:
                self.found[name] = self._with(places, value, mixed)
        near = self._near_thresholds(mixed)
        if near is not None:
            self.found["beside split thresholds"] = near
        self.found["mixed values"] = mixed
        beside = self._boundaries(stacked([rows_of(self._base, slice(512)), rows_of(mixed, slice(512))]))
        if beside is not None:
            self.found["on both sides of boundaries"] = beside
        return self.found

    def _pool(self, at: int, texts) -> np.ndarray:
        seen = self._base[at]
        if kind_of(self._features.datatypes[at]) == "text":
            return np.asarray(sorted({*seen.tolist(), *texts[:200], "", UNSEEN}), dtype=object)
        if seen.dtype == bool:
            return np.array([False, True])
        finite = seen[np.isfinite(seen)].astype("f8") if seen.dtype.kind == "f" else seen.astype("f8")
        known = np.concatenate([finite, self._thresholds[at]]) if len(finite) else self._thresholds[at]
        low, high = (known.min(), known.max()) if len(known) else (0.0, 1.0)
        reach = max(high - low, abs(high), abs(low), 1.0)
        spread = self._random.uniform(low - 0.1 * reach, high + 0.1 * reach, 64)
        whole = np.concatenate([known, spread, [0.0, 1.0, -1.0, low, high, low - 10 * reach, high + 10 * reach]])
        pool = np.unique(self._typed(at, whole))
        return pool if len(pool) <= MAX_POOL else self._random.choice(pool, MAX_POOL, replace=False)

    def _typed(self, at: int, values: np.ndarray) -> np.ndarray:
        datatype = self._features.datatypes[at]
        dtype = self._base[at].dtype
        if datatype not in LARGEST_WHOLE:
            with np.errstate(over="ignore"):
                return values.astype(dtype)
        most = LARGEST_WHOLE[datatype]
        least = 0 if datatype.startswith("U") or datatype == "BOOL" else -most
        return np.clip(np.round(values), least, most).astype(dtype)

    def _mixed(self, rows: int) -> list[np.ndarray]:
        return [self._random.choice(pool, rows) for pool in self._pools]

    def _base_rows(self, rows: int) -> list[np.ndarray]:
        return rows_of(self._base, self._random.integers(0, len(self._base[0]), rows))

    def _zeros(self) -> list[np.ndarray]:
        return [
            column[:1] if kind_of(datatype) == "text" else np.zeros(1, column.dtype)
            for column, datatype in zip(self._base, self._features.datatypes)
        ]

    def _negatives(self) -> list[np.ndarray]:
        some = rows_of(self._base, slice(64))
        return [
            column if column.dtype.kind not in "if" else -np.abs(column) - column.dtype.type(1)
            for column in some
        ]

    def _extremes(self, numbers: list[int]) -> list[np.ndarray]:
        """For each column rows with its smallest and largest values, the other columns as in the example."""
        tables = []
        for at in numbers[: max(1, self._affordable // 4)]:
            pool = self._pools[at]
            values = np.array([pool.min(), pool.max()], dtype=pool.dtype)
            if pool.dtype.kind in "iu":
                most = LARGEST_WHOLE[self._features.datatypes[at]]
                values = self._typed(at, np.array([values[0], values[1], most, -most, 2.0**24 + 1, -(2.0**24) - 1]))
            table = self._base_rows(len(values))
            table[at] = values
            tables.append(table)
        return stacked(tables)

    def _with(self, places: list[int], value: float, mixed: list[np.ndarray]) -> list[np.ndarray]:
        """One row per place with the value there and its negative, one with it everywhere, and rows with some of it."""
        alone = places[: max(1, self._affordable // 8)]
        count = 2 * len(alone) + 2
        table = [column.copy() for column in self._base_rows(count)]
        for row, at in enumerate(alone):
            table[at][2 * row] = value
            table[at][2 * row + 1] = -value
        for at in places:
            table[at][count - 2 :] = [value, -value]
        some = [column.copy() for column in rows_of(mixed, slice(256))]
        for at in places:
            some[at][self._random.random(len(some[at])) < 0.2] = value
        return stacked([table, some])

    def _near_thresholds(self, mixed: list[np.ndarray]) -> list[np.ndarray] | None:
        """Rows with a value on a threshold, and next to it in this input's precision and in float32."""
        splits = [(at, t) for at, values in enumerate(self._thresholds) for t in values]
        if not splits:
            return None
        per_split = 6
        most = max(1, min(MAX_NEAR_THRESHOLDS, self._affordable) // per_split)
        if len(splits) > most:
            splits = [splits[i] for i in self._random.choice(len(splits), most, replace=False)]
        rows = len(splits) * per_split
        base = self._base_rows(rows)
        other = rows_of(mixed, self._random.integers(0, len(mixed[0]), rows))
        # Half of the rows lie far from the example, so that other parts of the trees are reached.
        half = self._random.random(rows) < 0.5
        table = [np.where(half, one, two) for one, two in zip(base, other)]
        for number, (at, threshold) in enumerate(splits):
            table[at][number * per_split : (number + 1) * per_split] = self._beside(at, threshold)
        return table

    def _beside(self, at: int, threshold: float) -> np.ndarray:
        dtype = self._base[at].dtype
        if dtype.kind != "f":
            return self._typed(at, np.floor(threshold) + np.array([-1.0, 0.0, 1.0, 2.0, 0.0, 1.0]))
        single = np.float32(threshold)
        own = dtype.type(threshold)
        far = dtype.type(np.inf)
        return np.array(
            [own, np.nextafter(own, -far), np.nextafter(own, far), single,
             np.nextafter(single, np.float32(-np.inf)), np.nextafter(single, np.float32(np.inf))],
            dtype=dtype,
        )

    def _boundaries(self, rows: list[np.ndarray]) -> list[np.ndarray] | None:
        """Pairs of rows, hardly apart, that are answered differently: found by halving the way between two rows."""
        floats = self._features.of_kind("float")
        if not floats:
            return None
        count = min(BISECTED, max(16, self._affordable // 50))
        first = self._finite_rows(rows, count)
        second = self._finite_rows(rows, count)
        for row in range(0, count, 2):  # every other pair differs in one column only
            for at in range(self._features.count):
                if at != floats[(row // 2) % len(floats)]:
                    second[at][row] = first[at][row]
        for at in range(self._features.count):  # along the way only numbers with fractions can change
            if at not in floats:
                second[at] = first[at].copy()
        a, b = self._answers(first), self._answers(second)
        differ = ~_alike(a, b)
        if not differ.any():
            return None
        first, second, a = rows_of(first, differ), rows_of(second, differ), a[differ]
        for _ in range(60):
            middle = [
                (x + (y - x) / 2).astype(x.dtype) if at in floats else x
                for at, (x, y) in enumerate(zip(first, second))
            ]
            stays = _alike(self._answers(middle), a)
            for at in floats:
                first[at] = np.where(stays, middle[at], first[at])
                second[at] = np.where(stays, second[at], middle[at])
            apart = [np.abs(first[at] - second[at]) / np.maximum(np.abs(first[at]), 1e-30) for at in floats]
            if max(gap.max() for gap in apart) <= NEARNESS:
                break
        return stacked([first, second])

    def _finite_rows(self, rows: list[np.ndarray], count: int) -> list[np.ndarray]:
        chosen = [column.copy() for column in rows_of(rows, self._random.integers(0, len(rows[0]), count))]
        for column in chosen:
            if column.dtype.kind == "f":
                column[~np.isfinite(column)] = 0
        return chosen

    def _answers(self, rows: list[np.ndarray]) -> np.ndarray:
        return self._predict(self._features.join(rows))


def _alike(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    same = (a == b) | ((a != a) & (b != b))
    return np.asarray(same).reshape(len(a), -1).all(axis=1)
