"""Somebody else's web server: a page, and a redirect that keeps the method."""

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route


async def page(request: Request) -> Response:
    """A page for scripts to run in."""
    return HTMLResponse("<!doctype html>")


async def redirect(request: Request) -> Response:
    """Sends whoever comes on to another place, with the same method (RFC 9110 section 15.4.8) and its case."""
    to, case = request.query_params["to"], request.query_params["case"]
    headers = {"Access-Control-Allow-Origin": request.headers["origin"], "Access-Control-Allow-Credentials": "true"}
    return RedirectResponse(f"{to}?case={case}", 307, headers)


app = Starlette(routes=[Route("/page", page), Route("/redirect", redirect, methods=["POST"])])
