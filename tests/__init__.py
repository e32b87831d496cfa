"""Tests: one folder a kind, each test a sentence of behaviour."""
