"""The value of a bucket: the last sample within it, told from the next finer interval over the same past days."""

from __future__ import annotations

import pytest

from allium_market_data.model.intervals import Interval
from conformance.history import History
from conformance.meaning import PAIRS, Labelling, best

# How many coarse buckets have to be seen: some days may be empty, but not most.
LEAST = {"5m": 200, "15m": 100, "1h": 50, "4h": 15, "1d": 5}


@pytest.mark.clause("bucket.stock-variable-1", "bucket.last-sample-1", "bucket.last-sample-2", "bucket.last-sample-3")
class TestMeaning:
    """Open interest is a stock variable, so each bucket reports the last sample within it.

    ("OI as of the end of the bucket"), (last sample per bucket).
    """

    @pytest.mark.parametrize("pair", PAIRS, ids="-".join)
    def test_a_coarse_bucket_is_the_last_finer_bucket_in_it(
        self, history: History, pair: tuple[Interval, Interval]
    ) -> None:
        comparison = history.comparisons[history.labelling][pair]
        assert not comparison.faults, f"{len(comparison.faults)} faults, such as\n" + "\n".join(comparison.faults[:5])
        assert comparison.compared >= LEAST[pair[1]], f"not shown: only {comparison.compared} buckets to compare"

    def test_one_labelling_fits_all_intervals(self, history: History) -> None:
        labelling, against = best(history.comparisons)
        assert against, f"not shown: the series fits {' and '.join(sorted(each.value for each in Labelling))} alike"
        wrong = [pair for pair, comparison in history.comparisons[labelling].items() if comparison.faults]
        assert not wrong, f"even {labelling.value} does not fit {wrong}"
