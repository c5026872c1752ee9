"""A local HTTP server for tests: of the built site, of data, of a wheel."""

import contextlib
import functools
import http.server
import threading
from pathlib import Path


class Handler(http.server.SimpleHTTPRequestHandler):
    """Serves a folder under a prefix; answers what is missing with the folder's 404.html, as GitHub Pages does.

    Outside of the prefix there is nothing of the folder, not even that page.
    """

    def __init__(self, *arguments, prefix="/", **options):
        self.prefix = prefix
        super().__init__(*arguments, **options)

    def translate_path(self, path):
        return super().translate_path("/" + path.removeprefix(self.prefix))

    def send_head(self):
        return super().send_head() if self.inside() else self.send_error(404)

    def inside(self) -> bool:
        return self.path.startswith(self.prefix)

    def send_error(self, code, message=None, explain=None):
        page = Path(self.directory) / "404.html"
        if not (self.inside() and page.is_file()):
            return super().send_error(code, message, explain)
        self.send_response(code)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(page.stat().st_size))
        self.end_headers()
        self.wfile.write(page.read_bytes())

    def log_message(self, *_):
        pass


@contextlib.contextmanager
def serve(folder, prefix="/"):
    """Serves a folder on a free local port and yields its URL, which ends with ``prefix``."""
    handler = functools.partial(Handler, directory=str(folder), prefix=prefix)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}{prefix}"
        finally:
            server.shutdown()
