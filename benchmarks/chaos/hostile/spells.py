"""Spells: a few seconds each, in which some misbehave more than others. All draw from the seed of the run."""

from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from random import Random
from typing import Final

from benchmarks.chaos.hostile.asked import SERVICES

PARTIES: Final = ("services", "redis", "clients")
"""Those who may misbehave."""

_SECONDS: Final = (1.0, 3.0)
_SICK: Final = (0.0, 0.0, 0.02, 0.1, 0.2, 0.5, 0.95)
"""How many of its answers a service gets wrong."""
_REDIS: Final = (0.0, 0.0, 0.002, 0.02, 0.1)
"""How many of its replies Redis gets wrong."""
_MEDDLING: Final = (0.0, 20.0, 100.0, 400.0)
"""How many things in Redis somebody else changes in a second."""


@dataclass(frozen=True)
class Spell:
    """Shares and rates, from 0; the calm is where all are 0."""

    name: str = "calm"
    services: Mapping[str, float] = field(default_factory=dict)
    redis: float = 0.0
    meddling: float = 0.0
    seconds: float = 0.0


@dataclass
class Weather:
    """The spell that there is at the moment; those who misbehave look here."""

    spell: Spell = field(default_factory=Spell)


def spells(random: Random, parties: AbstractSet[str]) -> Iterator[Spell]:
    """One after the other, without end; who is not of the ``parties`` stays well."""
    number = 0
    while True:
        number += 1
        services = {name: random.choice(_SICK) * ("services" in parties) for name in SERVICES}
        redis, meddling = (random.choice(one) * ("redis" in parties) for one in (_REDIS, _MEDDLING))
        sick = ", ".join(f"{name} {share:g}" for name, share in (*services.items(), ("redis", redis)))
        name = f"spell {number}: {sick}, {meddling:g} changes/s in redis"
        yield Spell(name, services, redis, meddling, random.uniform(*_SECONDS))
