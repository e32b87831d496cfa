"""Streams: answers that leave event by event, each as soon as there is something to tell."""
