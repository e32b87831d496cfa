"""The routes of the product service."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

from sanic import HTTPResponse, Request, Sanic

from services.database import AWAY
from services.paging import PARAMETERS, REFUSAL, page_response, read_page
from services.products.model import BatchRequest, Product, ProductPatch
from services.products.repository import KIND, ProductRepository, kept_as
from services.read_cache import ReadCache
from shared import codec, ids
from shared.errors import NotFound, Unprocessable
from shared.http import routing
from shared.http.json_body import MERGE_PATCH, NO_JSON, decoded, other_type, read_json
from shared.http.openapi.operation import Answer, Body, Operation, Parameter, Tag, example_of
from shared.http.openapi.vocabulary import LINK

_LINKS: Final = {"product": "/products/{product_id}", "batch": "/products/batch"}
_LIST_LINKS: Final = {"products": "/products?limit={limit}&after={product_id}"}

_read_batch = codec.decoder(BatchRequest)
_read_patch = codec.decoder(ProductPatch)

_EXAMPLE: Final = Product(
    "prod1",
    "Laptop Pro 14",
    "14 inch display, 16 GB of memory, 512 GB of storage.",
    Decimal("999.99"),
    "electronics",
    50,
)
_TAG: Final = Tag("products", "What can be bought.")
_NOT_FOUND: Final = NotFound("There is no such product.")
_LIST: Final = Operation(
    "All products, in pages",
    _TAG,
    (Answer(200, "A page of them, by id.", list[Product], headers=(LINK,), examples=example_of([_EXAMPLE])),),
    problems=(REFUSAL, AWAY),
    parameters=PARAMETERS,
)
_ONE: Final = Operation(
    "One product",
    _TAG,
    (Answer(200, "The product.", Product, examples=example_of(_EXAMPLE)),),
    problems=(ids.TEXT.refusal("product_id"), _NOT_FOUND, AWAY),
    parameters=(Parameter.in_path("product_id", ids.TEXT, _EXAMPLE.id),),
)
_BATCH: Final = Operation(
    "Several products at once",
    _TAG,
    (
        Answer(
            200,
            "Those that there are, in the order of the ids, each once.",
            list[Product],
            examples=example_of([_EXAMPLE]),
        ),
    ),
    problems=(NO_JSON, Unprocessable("Expected `array` of length >= 1 - at `$.product_ids`."), AWAY),
    body=Body(BatchRequest, codec.encode(BatchRequest([_EXAMPLE.id, "nothing"]))),
)
_PATCH: Final = Operation(
    "Change a product",
    _TAG,
    (Answer(200, "The product as it is now.", Product, examples=example_of(_EXAMPLE)),),
    problems=(
        ids.TEXT.refusal("product_id"),
        NO_JSON,
        _NOT_FOUND,
        other_type(MERGE_PATCH),
        Unprocessable("Expected `int` >= 0 - at `$.stock_quantity`."),
        AWAY,
    ),
    parameters=(Parameter.in_path("product_id", ids.TEXT, _EXAMPLE.id),),
    body=Body(ProductPatch, b'{"price":999.99}', MERGE_PATCH),
)


class ProductEndpoints:
    """``GET /products``, ``GET`` and ``PATCH /products/{product_id}``, and ``POST /products/batch``."""

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
            routing.get(app, "/products", self._answer_list, "products", _LIST)
        routing.get(app, "/products/<product_id>", self._answer_one, "product", _ONE)
        routing.patch(app, "/products/<product_id>", self._answer_patch, "change_product", _PATCH)
        routing.post(app, "/products/batch", self._answer_batch, "batch", _BATCH)

    async def _answer_list(self, request: Request) -> HTTPResponse:
        page = read_page(request)
        return page_response("/products", page, await self._products.list_after(page.after, page.limit + 1))

    async def _answer_one(self, _request: Request, product_id: str) -> HTTPResponse:
        checked = ids.checked("product_id", product_id)
        product = await self._reads.get(kept_as(checked), lambda: self._products.get(checked))
        if product is None:
            raise NotFound(_NOT_FOUND.detail)
        return routing.encoded_response(product)

    async def _answer_patch(self, request: Request, product_id: str) -> HTTPResponse:
        checked = ids.checked("product_id", product_id)
        product = await self._products.patch(checked, read_json(request, _read_patch, MERGE_PATCH))
        if product is None:
            raise NotFound(_NOT_FOUND.detail)
        return routing.struct_response(product)

    async def _answer_batch(self, request: Request) -> HTTPResponse:
        batch = decoded(request.body, _read_batch)
        return routing.encoded_response(await self._reads.get_many(KIND, batch.product_ids, self._products.get_many))
