"""``python -m benchmarks.speed.floors.calls``: Sanic and aiohttp, the three calls, and nothing else.

No cache, no policies, no metrics, no log, no checks; what the services send is put together as it came.
"""

import asyncio
import os
from types import SimpleNamespace

import aiohttp
import orjson
from sanic import HTTPResponse, Request, Sanic
from sanic.config import Config

from benchmarks.common.ports import LOCAL

app: "Sanic[Config, SimpleNamespace]" = Sanic("calls", configure_logging=False)
_users, _orders, _products = (os.environ.get(f"{name}_SERVICE_URL", "") for name in ("USER", "ORDER", "PRODUCT"))


@app.before_server_start
async def _open(app: "Sanic[Config, SimpleNamespace]") -> None:
    app.ctx.session = aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0), cookie_jar=aiohttp.DummyCookieJar()
    )


@app.after_server_stop
async def _close(app: "Sanic[Config, SimpleNamespace]") -> None:
    await app.ctx.session.close()


@app.get("/api/profile/<user_id:str>")
async def _answer(_request: Request, user_id: str) -> HTTPResponse:
    session: aiohttp.ClientSession = app.ctx.session

    async def get(url: str) -> bytes:
        async with session.get(url) as answer:
            return await answer.read()

    user, orders = await asyncio.gather(get(f"{_users}/users/{user_id}"), get(f"{_orders}/orders/user/{user_id}"))
    bought = {item["product_id"] for order in orjson.loads(orders) for item in order["items"]}
    asked = orjson.dumps({"product_ids": list(bought)})
    headers = {"Content-Type": "application/json"}
    async with session.post(f"{_products}/products/batch", data=asked, headers=headers) as answer:
        products = await answer.read()
    body = b'{"user":%b,"orders":%b,"products":%b}' % (user, orders, products)
    return HTTPResponse(body, content_type="application/json")


if __name__ == "__main__":
    app.run(LOCAL, int(os.environ["PORT"]), single_process=True, access_log=False, motd=False)
