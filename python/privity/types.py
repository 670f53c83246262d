"""Types of values, players and placements: the words that programs are written in."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Iterable, Union, overload

from . import _trace

#: The length of an axis: a number, or a name that is bound when the computation runs.
Dim = Union[int, str]


@dataclass(frozen=True)
class DType:
    """The type of one element, such as ``f64`` or ``fixed(64, 16)``.

    ``f64["n", 30]`` is a tensor type; ``f64 @ clinic`` declares an input of one number.
    """

    name: str

    def __getitem__(self, shape: Dim | tuple[Dim, ...]) -> TensorType:
        return TensorType(self, shape if isinstance(shape, tuple) else (shape,))

    def range(self, low: float, high: float) -> TensorType:
        """The same type, for numbers from ``low`` to ``high`` (``f64.range(0, 100) @ clinic``)."""
        return TensorType(self, ()).range(low, high)

    @overload
    def __matmul__(self, place: Player | Labelled) -> InputType: ...
    @overload
    def __matmul__(self, place: Placement) -> StoredType: ...
    def __matmul__(self, place: Player | Labelled | Placement) -> InputType | StoredType:
        return TensorType(self, ()) @ place

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True)
class TensorType:
    """An element type and a shape. ``type @ player`` declares an input at that player, ``type @ placement`` what is
    loaded there."""

    dtype: DType
    shape: tuple[Dim, ...]
    limits: tuple[float, float] | None = None

    def range(self, low: float, high: float) -> TensorType:
        """The same type, for numbers from ``low`` to ``high``: the owner's worker refuses an input with others.

        What is computed on shares must have room for every number in the range; nobody would notice there if one did
        not fit.
        """
        return replace(self, limits=(float(low), float(high)))

    @overload
    def __matmul__(self, place: Player | Labelled) -> InputType: ...
    @overload
    def __matmul__(self, place: Placement) -> StoredType: ...
    def __matmul__(self, place: Player | Labelled | Placement) -> InputType | StoredType:
        if isinstance(place, Labelled):
            return InputType(self, place.player, place.owners)
        if isinstance(place, Player):
            return InputType(self, place, ((place, ()),))
        if isinstance(place, Placement):
            return StoredType(self, place)
        raise TypeError(f"a value is at a player or placement, not at {place!r}")

    def __str__(self) -> str:
        dims = ", ".join(str(d) for d in self.shape)
        return f"{self.dtype}[{dims}]" if self.shape else str(self.dtype)


@dataclass(frozen=True)
class InputType:
    """The declaration of an input: its type, the player it starts at, its owners and the readers that each allows."""

    type: TensorType
    player: Player
    owners: tuple[tuple[Player, tuple[Player, ...]], ...]

    def players(self) -> list[Player]:
        """All players that it names."""
        return [self.player, *(p for owner, readers in self.owners for p in (owner, *readers))]


@dataclass(frozen=True)
class StoredType:
    """The declaration of a value that is loaded on a placement; :func:`privity.load` says whose it is."""

    type: TensorType
    place: Placement


bool_ = DType("bool")
i64 = DType("i64")
u64 = DType("u64")
f32 = DType("f32")
f64 = DType("f64")


def fixed(ring: int, frac: int) -> DType:
    """A signed fixed-point type: integers modulo ``2**ring`` (64 or 128), scaled by ``2**-frac``.

    Values of magnitude below ``2**(ring - 2 - frac)`` fit; others are refused when they are encoded.
    """
    if ring not in (64, 128) or not 0 <= 2 * frac + 3 <= ring:
        room = "2·frac + 3 must be at most the ring's bits, and those 64 or 128"
        raise ValueError(f"fixed<{ring}, {frac}> leaves no room for products: {room}")
    return DType(f"fixed<{ring}, {frac}>")


@dataclass(frozen=True)
class Player:
    """A named role in a computation. In a ``with`` block, operators run at the player's own machine, in the clear."""

    name: str

    def __enter__(self) -> Player:
        _trace.enter(self, None)
        return self

    def __exit__(self, *_: object) -> None:
        _trace.leave()

    def readable_by(self, *readers: Player) -> Labelled:
        """For an input here: its owner also allows these readers (``f64 @ clinic.readable_by(analyst)``)."""
        return Labelled(self, ((self, readers),))

    def owned_by(self, *owners: Player) -> Labelled:
        """For an input here: it belongs to these owners instead, each of whom lets this player read it."""
        return Labelled(self, tuple((o, (self,)) for o in owners))

    def public(self) -> Labelled:
        """For an input here: anyone may read it."""
        return Labelled(self, ())

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True)
class Labelled:
    """A player, with the owners and readers of an input that starts there."""

    player: Player
    owners: tuple[tuple[Player, tuple[Player, ...]], ...]


@dataclass(frozen=True)
class Group(Player):
    """A role that many fill at once. In a ``with`` block, each member computes for itself, in the clear."""

    at_least: int
    at_most: int | None = None


def group(name: str, *, at_least: int, at_most: int | None = None) -> Group:
    """A group of so many members, which sums over it (``federated_sum``) need ``at_most`` for.

    In local runs an input of a group is one array, with a row for each member.
    """
    return Group(name, at_least, at_most)


def players(names: str | Iterable[str]) -> tuple[Player, ...]:
    """Players by name: ``clinic, analyst = players("clinic analyst")``."""
    return tuple(Player(n) for n in (names.split() if isinstance(names, str) else names))


def player(name: str) -> Player:
    """One player."""
    return Player(name)


@dataclass(frozen=True)
class Placement:
    """Where a value is held, and in which form. In a ``with`` block, operators run there.

    ``dtype`` is what floats become when they are moved there.
    """

    scheme: str
    players: tuple[Player, ...]
    dtype: DType | None = None
    name: str | None = None

    def using(self, dtype: DType) -> Placement:
        """The same placement, encoding floats as ``dtype`` (``committee.using(fixed(128, 40))``)."""
        return replace(self, dtype=dtype)

    def __enter__(self) -> Placement:
        _trace.enter(self, self.dtype)
        return self

    def __exit__(self, *_: object) -> None:
        _trace.leave()

    @property
    def key(self) -> tuple[str, tuple[Player, ...]]:
        """What tells placements apart: how they encode floats does not."""
        return (self.scheme, self.players)


def replicated(
    first: Player,
    second: Player,
    third: Player,
    *,
    malicious: bool = False,
    dtype: DType | None = None,
    name: str | None = None,
) -> Placement:
    """Three-party replicated secret sharing: safe unless two of the three collude.

    With ``malicious=True`` also if one of the three deviates from the protocol: everything is verified before it is
    revealed, at a higher cost.

    Floats are encoded as ``dtype``, by default ``fixed<64, 16>``. The name in the program's text is that of the
    variable that holds the placement, unless one is given.
    """
    scheme = "replicated-malicious" if malicious else "replicated"
    return Placement(scheme, (first, second, third), dtype or fixed(64, 16), name)


def enclave(machine: Player, *, name: str | None = None) -> Placement:
    """The clear inside a machine that has proved what runs on it. Can be checked; this version cannot run it yet."""
    return Placement("enclave", (machine,), None, name)


__all__ = [
    "DType", "Group", "InputType", "Placement", "Player", "StoredType", "TensorType", "bool_", "enclave", "f32", "f64", "fixed",
    "group", "i64", "player", "players", "replicated", "u64",
]
