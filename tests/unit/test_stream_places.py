"""Places for streams: as many as there may be, and as many as one client may have."""

import pytest

from shared.errors import Shed, TooManyRequests
from shared.http.streams.places import Places


def test_a_place_that_is_given_back_is_there_for_others() -> None:
    """One client's many are refused before all are taken, and do nobody else any harm."""
    places = Places(3, 2)
    for _ in range(5):
        places.take("a")
        places.take("a")
        with pytest.raises(TooManyRequests):
            places.take("a")
        places.take("b")
        with pytest.raises(Shed):
            places.take("c")
        for subject in "aab":
            places.free(subject)
        assert places.taken == 0
