"""The development issuer of the local demo."""
