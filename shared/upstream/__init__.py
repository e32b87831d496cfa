"""Calls to named services: one pooled session, and round it a stack of policies built once per service."""
