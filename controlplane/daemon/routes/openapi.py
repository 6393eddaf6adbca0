"""GET /api/openapi.json, generated from the declared routes."""

from collections.abc import Sequence
from typing import Any

from aiohttp import web

from controlplane.daemon.json import answer
from controlplane.daemon.routing import PROBLEM, Parameter, Route, Schema
from controlplane.daemon.schemas import SCHEMAS

DESCRIPTION = web.AppKey("description", dict[str, Any])


async def openapi(request: web.Request) -> web.Response:
    """The description of this API."""
    return answer(request.app[DESCRIPTION])


ROUTES = [
    Route(
        "GET", "/api/openapi.json", openapi, "This description.", {200: ("OpenAPI 3.1 document.", {"type": "object"})}
    )
]


def describe(routes: Sequence[Route], version: str) -> dict[str, Any]:
    """An OpenAPI 3.1 document of the routes."""
    paths: dict[str, dict[str, Any]] = {}
    for route in routes:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Claude memory control plane", "version": version},
        "paths": paths,
        "components": {
            "schemas": SCHEMAS,
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    }


def _operation(route: Route) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "summary": route.summary,
        "parameters": [_parameter(parameter) for parameter in route.parameters],
        "responses": {str(code): _response(*meaning, route.media_type) for code, meaning in route.answers.items()},
        # from elsewhere than this machine's loopback the token is always needed
        "security": [{"token": []}] if route.needs_token else [{}, {"token": []}],
    }
    operation["responses"]["401"] = _response("The token is missing or wrong.", PROBLEM, "application/json")
    operation["responses"]["403"] = _response("Origin or Host is not served.", PROBLEM, "application/json")
    if route.body is not None:
        operation["requestBody"] = {"required": True, "content": {"application/json": {"schema": route.body}}}
    return operation


def _parameter(parameter: Parameter) -> dict[str, Any]:
    return {
        "name": parameter.name,
        "in": parameter.place,
        "required": parameter.place == "path",
        "description": parameter.description,
        "schema": parameter.schema,
    }


def _response(description: str, schema: Schema | None, media_type: str) -> dict[str, Any]:
    content_type = "application/json" if schema is not None else media_type
    return {"description": description, "content": {content_type: {"schema": schema or {"type": "string"}}}}
