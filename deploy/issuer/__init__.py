"""A development issuer for the local demo: keys of its own, a JWK set, and an access token for whoever is named.

`python -m deploy.issuer serve` publishes the keys, `token user123` prints a token, `rotate` begins a new key. Whoever
reads its file can be anybody, so it listens on the loopback address alone and is no part of the image.
"""
