"""How the server refuses: one form for every 4xx and 5xx, which repeats nothing of the request."""

import logging
from collections.abc import Callable
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from sqlalchemy.exc import DBAPIError
from starlette.exceptions import HTTPException

from sightline.annotate import replies
from sightline.annotate.answers import Gone, OutOfStep
from sightline.annotate.codes import Code

_REFUSAL = {"application/json": {"schema": {"$ref": "#/components/schemas/Refusal"}}}
# one status names the model, which describes it once; for each that does, FastAPI builds a validator for every route
REFUSALS: dict[int | str, dict[str, Any]] = {
    400: {"model": replies.Refusal},
    **{code: {"content": _REFUSAL} for code in (401, 403, 404, 409, 413, 422, 423, 429, 500, 507)},
}
RETRY_AFTER = "10"  # seconds


class Refused(Exception):
    """A request that is answered with a 4xx."""

    def __init__(self, status: int, code: Code, message: str, **more: Any) -> None:
        super().__init__(message)
        self.status = status
        self.detail = _detail(code, message, **more)


def no_session(link: str) -> Refused:
    """The session does not exist or has ended; `link` opens a new one."""
    return Refused(401, "no_session", f"open {link} again")


def no_task() -> Refused:
    """The task does not exist or is another reader's: the answer does not tell which."""
    return Refused(404, "no_task", "no such image among yours")


def too_many(message: str) -> Refused:
    """A limit is reached; `message` says which."""
    return Refused(429, "too_many", message)


def answer_refusals(app: FastAPI, is_full: Callable[[DBAPIError], bool]) -> None:
    """Makes the application answer every refusal in the one form.

    `is_full`: whether an error of the database says that its disk is full. The transaction was then rolled back, so
    nothing of the request is stored, and the page keeps it.
    """

    def not_stored(_: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, DBAPIError)
        if not is_full(error):
            raise error
        logging.getLogger("uvicorn.error").error("the store's disk is full: an answer or a drawing was refused")
        return JSONResponse({"detail": _detail("disk_full", "the server's disk is full")}, 507)

    app.add_exception_handler(DBAPIError, not_stored)
    app.add_exception_handler(RequestValidationError, _malformed)
    app.add_exception_handler(Refused, _refused)
    app.add_exception_handler(HTTPException, _not_served)
    app.add_exception_handler(OutOfStep, _out_of_step)
    app.add_exception_handler(Gone, _gone)


def _detail(code: Code, message: str, **more: Any) -> dict[str, Any]:
    return {"code": code, "message": message, **more}


def _malformed(_: Request, error: Exception) -> JSONResponse:
    """What is wrong with a request, without repeating its content."""
    assert isinstance(error, RequestValidationError)
    cases = [f"{'.'.join(str(part) for part in case['loc'][1:])}: {case['msg']}" for case in error.errors()[:5]]
    message = "; ".join(case.encode("ascii", "backslashreplace").decode() for case in cases)
    return JSONResponse({"detail": _detail("malformed", message)}, 422)


def _refused(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, Refused)
    headers = {"retry-after": RETRY_AFTER} if error.status == 429 else None
    return JSONResponse({"detail": error.detail}, error.status, headers)


def _not_served(_: Request, error: Exception) -> JSONResponse:
    """Addresses and methods that do not exist, in the form of every other refusal."""
    assert isinstance(error, HTTPException)
    return JSONResponse({"detail": _detail("refused", error.detail)}, error.status_code, error.headers)


def _out_of_step(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, OutOfStep)
    return JSONResponse({"detail": _detail("out_of_step", str(error), events=error.events)}, 409)


def _gone(request: Request, _: Exception) -> JSONResponse:
    return _refused(request, no_task())
