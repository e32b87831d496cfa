"""An aggregate told part by part."""
