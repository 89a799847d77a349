"""What the broker refuses, as the gRPC status that the client library turns into its own exception."""

from grpc import StatusCode


class Refused(Exception):
    """A call that is answered with a status instead of a reply."""

    def __init__(self, code: StatusCode, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


def invalid(message: str) -> Refused:
    return Refused(StatusCode.INVALID_ARGUMENT, message)


def out_of_range(message: str) -> Refused:
    return Refused(StatusCode.OUT_OF_RANGE, message)


def not_found(message: str) -> Refused:
    return Refused(StatusCode.NOT_FOUND, message)


def already_exists(message: str) -> Refused:
    return Refused(StatusCode.ALREADY_EXISTS, message)


def unimplemented(message: str) -> Refused:
    return Refused(StatusCode.UNIMPLEMENTED, message)
