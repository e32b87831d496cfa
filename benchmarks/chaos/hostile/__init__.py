"""The gateway while services, Redis and clients misbehave at random, and honest clients check every answer.

``python -m benchmarks.chaos --hostile`` runs it. Three laws are held: nobody gets what is another's, nobody can stop
everybody, and everything is as before when it is over.
"""
