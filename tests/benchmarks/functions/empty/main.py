"""What a door's start is measured against: a function that does nothing."""

import flask
import functions_framework


@functions_framework.http
def empty(_request: flask.Request) -> tuple[str, int]:
    return "", 200
