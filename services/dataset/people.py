"""The users: ``user1`` to ``user1000``."""

import unicodedata
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from services.dataset.draw import Draw, words

COUNT: Final = 1000

_GIVEN = words(
    "Aisha Alejandro Amélie Anders Anna Antonio Beatriz Ben Camille Carlos Chloé Daniel Daniela David Elena Emma "
    "Fatima Felix Fiona Gabriel Giulia Grace Hannah Hiroshi Ibrahim Ingrid Isabel Jakob Jamal James Jia João José "
    "Julia Kaito Karin Laila Lars Laura Leo Liam Lina Lucía Luis Magda Maja Marco María Martín Mateo Mei Michael "
    "Mohamed Nadia Naomi Nina Noah Nora Olga Oliver Omar Paul Paula Pedro Petra Priya Rafael Raj Renée Rosa Samir "
    "Sara Sofia Stefan Tariq Theo Thomas Tomás Valentina Vera Victor Wei Yara Yuki Yusuf Zoë"
)
_FAMILY = words(
    "Abbas Adeyemi Ahmed Almeida Andersson Bauer Becker Bernard Bianchi Brown Campbell Castro Chen Costa Dubois Díaz "
    "Evans Fernández Ferrari Fischer Garcia González Gupta Haddad Hansen Hernández Hoffmann Ito Ivanova Jansen "
    "Johansson Jones Kaya Keller Khan Kim Kowalska Kumar Laurent Lee Lefèvre Lindqvist López Mancini Martin Mbeki "
    "Mendes Meyer Moreau Morgan Murphy Müller Nakamura Nguyen Nielsen Novák Okafor Okonkwo Oliveira Park Patel "
    "Pereira Petrov Ramos Reyes Ricci Romero Rossi Rousseau Santos Sato Schmidt Schneider Schröder Silva Singh Smith "
    "Suzuki Tanaka Taylor Thompson Torres Tran Vogel Vargas Virtanen Wagner Walker Wang Weber Williams Wilson "
    "Yamamoto Yilmaz Zhang"
)
_MAIL_DOMAINS = ("example.com", "example.org", "example.net")
_FIRST_DAY = datetime(2022, 1, 3, tzinfo=UTC)
_SIGN_UP_SECONDS = 2 * 364 * 86_400

_NAMED = {
    123: ("Maria Santos", "maria.santos", datetime(2022, 4, 11, 9, 26, 53, tzinfo=UTC)),
    456: ("James Okafor", "james.okafor", datetime(2023, 8, 30, 17, 4, 9, tzinfo=UTC)),
}


def users() -> list[dict[str, Any]]:
    """One mapping from field to value for each user; user names are unique."""
    return list(_users())


def _users() -> Iterator[dict[str, Any]]:
    draw = Draw("users")
    taken = {username for _, username, _ in _NAMED.values()}
    for number in range(1, COUNT + 1):
        name, active = f"{draw.pick(_GIVEN)} {draw.pick(_FAMILY)}", draw.share() < 0.94
        created_at = _FIRST_DAY + timedelta(seconds=draw.below(_SIGN_UP_SECONDS))
        username = _username(name)
        if number in _NAMED:
            (name, username, created_at), active = _NAMED[number], True
        elif username in taken:
            username = f"{username}{number}"
        taken.add(username)
        yield {
            "id": f"user{number}",
            "username": username,
            "email": f"{username}@{_MAIL_DOMAINS[number % len(_MAIL_DOMAINS)]}",
            "full_name": name,
            "is_active": active,
            "created_at": created_at,
        }


def _username(name: str) -> str:
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    return plain.lower().replace(" ", ".")
