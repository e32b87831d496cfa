"""What people look at in a browser; pages are in ``templates``, what they are made with in ``static``."""
