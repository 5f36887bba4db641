"""FastAPI path functions whose annotations are strings, as `from __future__ import annotations` makes them."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Body, Depends, Path, Query, Request, WebSocket
from pydantic import BaseModel

from bearer_guard import AccessToken, access_token, require_scopes


class Order(BaseModel):
    item: str
    number: int = 1


router = APIRouter()


@router.get("/plain/{order_id}")
@require_scopes("read")
async def plain(order_id: int, *, verbose: bool = False) -> dict[str, object]:
    """Reads an order."""
    return {"order_id": order_id, "verbose": verbose}


@router.get("/sync/{order_id}")
@require_scopes("read")
def sync(order_id: Annotated[int, Path(ge=1)], limit: Annotated[int, Query(le=10)] = 5) -> dict[str, object]:
    return {"order_id": order_id, "limit": limit}


@router.get("/with-request/{order_id}")
@require_scopes("read")
async def with_request(request: Request, order_id: int) -> dict[str, object]:
    return {"order_id": order_id, "path": request.url.path}


@router.post("/body", status_code=201)
@require_scopes("read")
async def body(order: Order, note: Annotated[str, Body()] = "") -> Order:
    return order


@router.get("/token")
@require_scopes("read")
def token(token: Annotated[AccessToken, Depends(access_token)]) -> dict[str, object]:
    return {"subject": token.subject}


@router.websocket("/chat")
@require_scopes("read")
async def chat(websocket: WebSocket, room: str) -> None:
    await websocket.accept()
    await websocket.send_text(room)
    await websocket.close()
