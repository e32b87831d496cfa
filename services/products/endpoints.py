"""The routes of the product service."""

from collections.abc import Mapping
from typing import Any, Final

from sanic import HTTPResponse, Request, Sanic

from services.paging import page_response, read_page
from services.products.model import BatchRequest
from services.products.repository import ProductRepository
from services.read_cache import ReadCache
from shared import codec, ids
from shared.errors import InvalidInput, NotFound, Unprocessable
from shared.http import routing

_LINKS: Final = {"product": "/products/{product_id}", "batch": "/products/batch"}
_LIST_LINKS: Final = {"products": "/products?limit={limit}&after={product_id}"}

_KIND: Final = "product"
_read_batch = codec.decoder(BatchRequest)


class ProductEndpoints:
    """``GET /products``, ``GET /products/{product_id}`` and ``POST /products/batch``."""

    def __init__(self, products: ProductRepository, reads: ReadCache, *, lists: bool) -> None:
        """``lists`` tells whether there is the list."""
        self._products = products
        self._reads = reads
        self._lists = lists

    def links(self) -> Mapping[str, str]:
        """What the index tells of."""
        return _LINKS | _LIST_LINKS if self._lists else _LINKS

    def __call__(self, app: Sanic[Any, Any]) -> None:
        """Add the routes to ``app``."""
        if self._lists:
            routing.get(app, "/products", self._answer_list, "products")
        routing.get(app, "/products/<product_id>", self._answer_one, "product")
        routing.post(app, "/products/batch", self._answer_batch, "batch")

    async def _answer_list(self, request: Request) -> HTTPResponse:
        page = read_page(request)
        return page_response("/products", page, await self._products.list_after(page.after, page.limit + 1))

    async def _answer_one(self, _request: Request, product_id: str) -> HTTPResponse:
        checked = ids.checked("product_id", product_id)
        product = await self._reads.get(f"{_KIND}:{checked}", lambda: self._products.get(checked))
        if product is None:
            raise NotFound("There is no such product.")
        return routing.encoded_response(product)

    async def _answer_batch(self, request: Request) -> HTTPResponse:
        try:
            batch = _read_batch(request.body)
        except codec.MalformedJSON:
            raise InvalidInput("The body must be JSON.") from None
        except codec.WrongShape as error:
            raise Unprocessable(f"{error}.") from None
        return routing.encoded_response(await self._reads.get_many(_KIND, batch.product_ids, self._products.get_many))
