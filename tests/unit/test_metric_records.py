"""The form of files of metrics: the library's, and read so that damage is found out."""

import contextlib
import json
import math
import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.mmap_dict import MmapedDict

from shared.observing.metric_records import image, parse, record

_NAMES = st.text(max_size=40)
_KEYS = st.builds(
    lambda metric, sample, labels, text: json.dumps([metric, sample, labels, text]).encode(),
    _NAMES,
    _NAMES,
    st.dictionaries(_NAMES, _NAMES, max_size=3),
    _NAMES,
)
_SUMS = st.dictionaries(_KEYS, st.floats(allow_nan=False), max_size=8)


def _image(sums: dict[bytes, float]) -> bytes:
    return image(record(key, value) for key, value in sums.items())


@given(_SUMS, st.integers(0, 9))
def test_what_is_written_is_read(sums: dict[bytes, float], spare: int) -> None:
    """Every key and value, whatever stands behind what is used."""
    assert dict(parse(_image(sums) + b"\xff" * spare)) == sums


@pytest.mark.parametrize("length", range(60, 70))
def test_the_library_reads_the_same(tmp_path: Path, length: int) -> None:
    """However the end of a key comes to lie."""
    keys = [json.dumps(["m", "m_total", {}, "x" * (length + more)]) for more in range(3)]
    file = tmp_path / "counter_1.db"
    file.write_bytes(_image({key.encode(): float(place) for place, key in enumerate(keys)}))
    read = MmapedDict.read_all_values_from_file(str(file))
    assert [(key, value) for key, value, *_ in read] == [(key, float(place)) for place, key in enumerate(keys)]
    file.unlink()
    written = MmapedDict(str(file))
    for place, key in enumerate(keys):
        written.write_value(key, float(place), 0.0)
    written.close()
    assert list(parse(file.read_bytes())) == [(key.encode(), float(place)) for place, key in enumerate(keys)]


@given(_SUMS, st.data())
def test_damage_is_found_out_or_costs_a_value(sums: dict[bytes, float], data: st.DataObject) -> None:
    """Whatever a byte is changed to, and wherever it ends: reading comes to an end, or to a ValueError."""
    whole = bytearray(_image(sums))
    place = data.draw(st.integers(0, len(whole) - 1))
    whole[place] = data.draw(st.integers(0, 255))
    cut = data.draw(st.one_of(st.just(len(whole)), st.integers(0, len(whole))))
    try:
        found = list(parse(bytes(whole[:cut])))
    except ValueError:
        return
    assert len(found) <= len(sums)
    assert all(len(json.loads(key)) == 4 for key, _ in found)


@given(st.binary(max_size=200))
def test_anything_at_all_is_read_to_an_end(data: bytes) -> None:
    """Noise is refused, and what is empty holds nothing."""
    with contextlib.suppress(ValueError):
        assert all(isinstance(value, float) for _, value in parse(data))


@pytest.mark.parametrize("length", [0, -1, -4, -24, -(2**31), 2**31 - 1, 12])
def test_a_length_that_leads_nowhere_is_damage(length: int) -> None:
    """Backwards, on the spot, or out of the file: the library would go round for ever."""
    whole = bytearray(_image({b'["m", "m", {}, "text"]': math.pi}))
    struct.pack_into("i", whole, 8, length)
    with pytest.raises(ValueError, match="no record"):
        list(parse(bytes(whole)))
