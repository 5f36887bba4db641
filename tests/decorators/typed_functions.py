"""FastAPI path functions with annotations that only type checkers can resolve."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi import APIRouter, Request, WebSocket

from bearer_guard import require_scopes

if TYPE_CHECKING:
    from starlette.responses import JSONResponse as Answer

router = APIRouter()


@router.get("/with-request/{order_id}", response_model=None)
@require_scopes("read")
async def with_request(request: Request, order_id: int) -> Answer | dict[str, object]:
    return {"order_id": order_id, "path": request.url.path}


@router.get("/without/{order_id}", response_model=None)
@require_scopes("read")
def without(order_id: int, limit: int = 5) -> Answer | dict[str, object]:
    return {"order_id": order_id, "limit": limit}


@router.websocket("/chat")
@require_scopes("read")
async def chat(websocket: WebSocket) -> Answer | None:
    await websocket.accept()
    await websocket.send_text("hello")
    await websocket.close()
    return None
