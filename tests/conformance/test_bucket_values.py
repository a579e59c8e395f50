"""A bucket has the value of the last sample in it, shown by the next finer interval over the same days."""

from __future__ import annotations

from typing import Final

import pytest

from allium_market_data.model.intervals import Interval
from conformance.bucket_values import PAIRS, best_labelling
from conformance.reference_week import ReferenceWeek

MINIMUM_COMPARED: Final = {"5m": 200, "15m": 100, "1h": 50, "4h": 15, "1d": 5}
"""How many buckets of an interval must be compared. Some of the seven days may be empty, but not most of them."""


@pytest.mark.clause("bucket.stock-variable-1", "bucket.last-sample-1", "bucket.last-sample-2", "bucket.last-sample-3")
class TestBucketValues:
    """Open interest is a stock variable, so each bucket reports the last sample within it.

    ("OI as of the end of the bucket"), (last sample per bucket).
    """

    @pytest.mark.parametrize("pair", PAIRS, ids="-".join)
    def test_a_bucket_has_the_value_of_the_last_finer_bucket_in_it(
        self, week: ReferenceWeek, pair: tuple[Interval, Interval]
    ) -> None:
        comparison = week.comparisons[week.labelling][pair]
        differences = comparison.differences
        assert not differences, f"{len(differences)} differences, for example\n" + "\n".join(differences[:5])
        minimum = MINIMUM_COMPARED[pair[1]]
        if comparison.compared < minimum:
            pytest.fail(f"inconclusive: {comparison.compared} buckets to compare, needs {minimum}", pytrace=False)

    def test_labels_name_the_same_end_of_a_bucket_at_all_intervals(self, week: ReferenceWeek) -> None:
        labelling, differences_of_other = best_labelling(week.comparisons)
        if not differences_of_other:
            pytest.fail("inconclusive: the series fits labels at the start and at the end of a bucket", pytrace=False)
        misfits = [pair for pair, comparison in week.comparisons[labelling].items() if comparison.differences]
        assert not misfits, f"{labelling.value} fits best, but not {misfits}"
