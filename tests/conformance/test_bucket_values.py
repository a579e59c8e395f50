"""A bucket has the value of the last sample in it, shown by the next finer interval over the same days."""

from __future__ import annotations

import pytest

from conformance.bucket_values import Pair, best_labelling
from conformance.outcomes import left_out, not_shown
from conformance.reference_week import ReferenceWeek

_ENOUGH = 3
"""How many coarse buckets must have finer ones of different values."""


@pytest.mark.clause("bucket.stock-variable-1", "bucket.last-sample-1", "bucket.last-sample-2", "bucket.last-sample-3")
class TestBucketValues:
    """Each bucket has the last sample within it, not a sum, a mean or an extreme."""

    def test_a_bucket_has_the_value_of_the_last_finer_bucket_in_it(self, week: ReferenceWeek, pair: Pair) -> None:
        labelling, _ = best_labelling(week.comparisons)
        comparison = week.comparisons[labelling][pair]
        differences = comparison.differences
        assert not differences, f"{len(differences)} differences, for example\n" + "\n".join(differences[:5])
        if comparison.telling < _ENOUGH:
            fine, coarse = pair
            not_shown(
                f"{comparison.telling} buckets of {coarse} have buckets of {fine} with different values, needs {_ENOUGH}"
            )

    def test_labels_name_the_same_end_of_a_bucket_at_all_intervals(self, week: ReferenceWeek) -> None:
        if len(week.intervals) == 1:
            left_out("the operation has one interval, so there is none to compare it with")
        labelling, differences_of_other = best_labelling(week.comparisons)
        misfits = [pair for pair, comparison in week.comparisons[labelling].items() if comparison.differences]
        assert not misfits, f"{labelling.value} fits best, but not {misfits}"
        if not differences_of_other:
            not_shown("the series fits labels at the start and at the end of a bucket")
