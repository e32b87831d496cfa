"""A view: a named, typed reduction of an aggregate for a kind of client, such as a card in a list."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar, get_args

import msgspec

from bff.parts.sources import AnyPart
from shared.errors import DeclarationError

S = TypeVar("S", bound=msgspec.Struct)


@dataclass(frozen=True, slots=True, eq=False)
class View(Generic[S]):
    """One view, as it is declared; ``?view=<name>`` asks for it.

    Attributes:
        name: told from the other views of its kind.
        shape: of its documents, but for their metadata.
        needs: the parts that it is made from. No service is asked for any other.
        make: makes one from the values of these parts, in that order; a value is None while its part is missing.
    """

    name: str
    shape: type[S]
    needs: Sequence[AnyPart]
    make: Callable[..., S]

    def __post_init__(self) -> None:
        """Raises ``DeclarationError`` where there is one part and no sequence of them."""
        if not isinstance(self.needs, Sequence):
            raise DeclarationError(f"view {self.name!r}: its needs are no tuple; that of one has a comma: (ONE,)")

    @property
    def members(self) -> Sequence[str]:
        """The members of its documents, in order; none where its shape is not that of a JSON object."""
        info: Any = msgspec.inspect.type_info(self.shape)
        if not isinstance(info, msgspec.inspect.StructType) or info.array_like or info.tag is not None:
            return []
        return [field.encode_name for field in info.fields]

    @property
    def optional_members(self) -> Sequence[str]:
        """Those that some documents would not have."""
        omits_defaults = self.shape.__struct_config__.omit_defaults
        return [
            field.encode_name
            for field in msgspec.structs.fields(self.shape)
            if (omits_defaults and not field.required) or msgspec.UnsetType in get_args(field.type)
        ]
