"""The pooled aiohttp session: the one package that imports aiohttp's client, and that maps its errors to ours.

One session serves all upstreams of a worker. aiohttp opens connections (TLS too), pools them and reads answers; where
the instances of a service are is looked up elsewhere, and what is asked is written here. ``ClientSession.request``
would put every request together from options that we never use (cookies, proxies, redirects, netrc, middleware,
timeouts of its own), which takes twice as long as all the rest of a call (``docs/decisions/0009-requests.md``).
"""
