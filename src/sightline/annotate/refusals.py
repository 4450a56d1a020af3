"""How the server says no: one form for every 4xx, and nothing of the request in it."""

from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from sightline.annotate import messages
from sightline.annotate.answers import Gone, OutOfStep

REFUSALS: dict[int | str, dict[str, Any]] = {
    code: {"model": messages.Refusal} for code in (400, 401, 403, 404, 409, 413, 422, 429)
}


class Refused(Exception):
    """A request that is answered with a 4xx."""

    def __init__(self, status: int, code: str, message: str, **more: Any) -> None:
        super().__init__(message)
        self.status = status
        self.detail = {"code": code, "message": message, **more}


def answer_refusals(app: FastAPI) -> None:
    """Gives the application its way of answering what it refuses."""
    app.add_exception_handler(RequestValidationError, _malformed)
    app.add_exception_handler(Refused, _refused)
    app.add_exception_handler(HTTPException, _not_served)
    app.add_exception_handler(OutOfStep, _out_of_step)
    app.add_exception_handler(Gone, _gone)


def _malformed(_: Request, error: Exception) -> JSONResponse:
    """What is wrong with a request, without repeating what it held."""
    assert isinstance(error, RequestValidationError)
    cases = [f"{'.'.join(str(part) for part in case['loc'][1:])}: {case['msg']}" for case in error.errors()[:5]]
    message = "; ".join(case.encode("ascii", "backslashreplace").decode() for case in cases)
    return JSONResponse({"detail": {"code": "malformed", "message": message}}, 422)


def _refused(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, Refused)
    return JSONResponse({"detail": error.detail}, error.status, {"retry-after": "10"} if error.status == 429 else None)


def _not_served(_: Request, error: Exception) -> JSONResponse:
    """Addresses and methods that do not exist, in the form of every other refusal."""
    assert isinstance(error, HTTPException)
    detail = {"code": "refused", "message": error.detail}
    return JSONResponse({"detail": detail}, error.status_code, error.headers)


def _out_of_step(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, OutOfStep)
    return JSONResponse({"detail": {"code": "out_of_step", "message": str(error), "events": error.events}}, 409)


def _gone(_: Request, error: Exception) -> JSONResponse:  # noqa: ARG001
    return JSONResponse({"detail": {"code": "no_task", "message": "no such image among yours"}}, 404)
