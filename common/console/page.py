"""The built page and the API's description, as files: nothing comes from another host."""

from pathlib import Path

from fastapi import FastAPI
from fastapi.responses import FileResponse, HTMLResponse, Response
from starlette.exceptions import HTTPException

FOREVER = "public, max-age=31536000, immutable"  #: names of built files change with their content
MISSING = """<!doctype html><html lang="en"><meta charset="utf-8"><title>Isthmus</title>
<p>The page is not built. Run <code>make ui</code>; the API is described at <a href="/openapi.json">/openapi.json</a>.</p>"""


def mount(app: FastAPI, folder: Path) -> None:
    """Answer everything that is no API with the page; it knows its own addresses."""
    root = folder.resolve()

    @app.get("/docs", include_in_schema=False)
    def docs() -> Response:
        return _file(root / "docs.html") or HTMLResponse(MISSING, 503)

    @app.api_route("/{path:path}", methods=["GET", "HEAD"], include_in_schema=False)
    def page(path: str) -> Response:
        if path.startswith("api/"):
            raise HTTPException(404)
        found = (root / path).resolve()
        if path and found.is_relative_to(root) and found.is_file():
            return FileResponse(found, headers={"Cache-Control": FOREVER} if path.startswith("assets/") else None)
        return _file(root / "index.html") or HTMLResponse(MISSING, 503)


def _file(path: Path) -> Response | None:
    return FileResponse(path, headers={"Cache-Control": "no-cache"}) if path.is_file() else None
