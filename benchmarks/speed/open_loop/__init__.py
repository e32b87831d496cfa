"""Open loop: arrivals at a rate that waits for no answer, and latency over that rate.

A closed loop asks again when it is answered, so a server that stands still is asked less and its worst moments are
hardly counted (Gil Tene calls that coordinated omission). Here every request has its instant beforehand, and its
latency counts from then, whenever it could be sent.
"""
