"""Every metric and its labels, a module a trade; importers see all of them here."""

from shared.observing.metrics.cache import *
from shared.observing.metrics.changes import *
from shared.observing.metrics.edge import *
from shared.observing.metrics.http import *
from shared.observing.metrics.parts import *
from shared.observing.metrics.prometheus import *
from shared.observing.metrics.upstream import *
from shared.observing.metrics.workers import *
