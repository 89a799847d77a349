"""A load client: several threads, each with one connection that stays open."""

import http.client
import time
from concurrent.futures import ThreadPoolExecutor


def requests_per_second(port: int, body: bytes, *, requests: int, threads: int) -> float:
    """POST the body again and again; every answer must be 200.

    Args:
        requests: Of each thread.
    """
    with ThreadPoolExecutor(threads) as pool:
        began = time.perf_counter()
        for done in [pool.submit(_post, port, body, requests) for _ in range(threads)]:
            done.result()
        return threads * requests / (time.perf_counter() - began)


def _post(port: int, body: bytes, requests: int) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        for _ in range(requests):
            connection.request("POST", "/", body, {"Content-Type": "text/xml; charset=utf-8"})
            answer = connection.getresponse()
            text = answer.read()
            assert answer.status == 200, text
    finally:
        connection.close()
