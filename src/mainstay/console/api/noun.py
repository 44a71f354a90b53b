"""How a noun of the API puts its operations in place: what one wants of a token stands at its parameter, once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, TypeVar, get_type_hints

from fastapi import APIRouter

from mainstay.console.api.asked import Asked, needs
from mainstay.console.api.problems import answers

Operation = TypeVar("Operation", bound=Callable[..., Any])

Reading = Annotated[Asked, needs("read")]
Remembering = Annotated[Asked, needs("memory")]
Starting = Annotated[Asked, needs("start")]
Proposing = Annotated[Asked, needs("propose")]
Steering = Annotated[Asked, needs("steer")]
Deciding = Annotated[Asked, needs("decide")]
Administering = Annotated[Asked, needs("admin")]


class Noun:
    """The operations about one thing."""

    def __init__(self, tag: str) -> None:
        self.router = APIRouter(tags=[tag])

    def get(self, path: str, *, also: tuple[int, ...] = (), **how: Any) -> Callable[[Operation], Operation]:
        """An operation that looks."""
        return self._at("GET", path, also, how)

    def post(self, path: str, *, also: tuple[int, ...] = (), **how: Any) -> Callable[[Operation], Operation]:
        """An operation that does something."""
        return self._at("POST", path, also, how)

    def put(self, path: str, *, also: tuple[int, ...] = (), **how: Any) -> Callable[[Operation], Operation]:
        """An operation that puts something in its place, as often as it is asked."""
        return self._at("PUT", path, also, how)

    def delete(
        self, path: str, *, also: tuple[int, ...] = (), **how: Any
    ) -> Callable[[Operation], Operation]:
        """An operation that takes something away."""
        return self._at("DELETE", path, also, how)

    def _at(
        self, method: str, path: str, also: tuple[int, ...], how: dict[str, Any]
    ) -> Callable[[Operation], Operation]:
        def put(operation: Operation) -> Operation:
            said = " ".join((operation.__doc__ or "").split())
            first, _, rest = said.partition(". ")
            scope = _scope(operation)
            self.router.add_api_route(
                path,
                operation,
                methods=[method],
                operation_id=operation.__name__,
                summary=first.rstrip("."),
                description=f"{rest} " * bool(rest) + f"Wants the scope `{scope}`.",
                responses={**answers(*also), **how.pop("responses", {})},
                openapi_extra={"x-scope": scope, **how.pop("openapi_extra", {})},
                **how,
            )
            return operation

        return put


def _scope(operation: Callable[..., Any]) -> str:
    """What the operation wants, read from its parameter `asked`."""
    wanted = get_type_hints(operation, include_extras=True)["asked"].__metadata__[0]
    return str(wanted.dependency.scope)
