"""Apps and processes: how an app is built, how a program runs it, and how workers are supervised."""
