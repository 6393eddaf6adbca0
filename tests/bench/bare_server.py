"""The baseline: a bare aiohttp handler that parses the payload and answers. Argument: the port."""

import json
import sys

from aiohttp import web


async def take(request: web.Request) -> web.Response:
    """Parse and answer; nothing is kept."""
    document = json.loads(await request.read())
    return web.Response(text=str(len(document["alerts"])))


def main() -> None:
    """Serve on loopback until killed."""
    app = web.Application(client_max_size=16 * 1024 * 1024)
    app.router.add_post("/webhook", take)
    web.run_app(app, host="127.0.0.1", port=int(sys.argv[1]), access_log=None, print=None)


if __name__ == "__main__":
    main()
