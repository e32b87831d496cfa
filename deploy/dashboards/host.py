"""The machine that all runs on, as its exporter sees it."""

from typing import Final

from grafana_foundation_sdk.models import dashboard as model
from grafana_foundation_sdk.models.common import StackingMode

from deploy.dashboards import links
from deploy.dashboards.blocks import lines
from deploy.dashboards.frame import Note, Section, Variable, board
from deploy.dashboards.look import Limit, Query
from deploy.dashboards.promql import rate

PLACE: Final = links.HOST

_HOSTS: Final = Variable("instance", "Host", "node_boot_time_seconds", "instance")
_BOOTS: Final = Note(
    "Boots", "changes(node_boot_time_seconds[$__rate_interval]) > 0", "purple", "The host has booted", "{{instance}}"
)
_CHOSEN: Final = 'instance=~"$instance"'
_REAL: Final = f'{_CHOSEN}, fstype!~"tmpfs|ramfs|squashfs|nsfs"'
_WIRED: Final = f'{_CHOSEN}, device!="lo"'
_NEARLY_FULL: Final = (Limit(0.8, "orange"), Limit(0.9, "red"))


def dashboard() -> model.Dashboard:
    """The hosts that are chosen."""
    return board(
        PLACE,
        "CPU, memory, disks and network of the machine that all runs on.",
        (_HOSTS,),
        (_processor(), _memory(), _disks(), _network()),
        (_BOOTS,),
    )


def _gauge(metric: str, labels: str = _CHOSEN) -> str:
    return f"{metric}{{{labels}}}"


def _processor() -> Section:
    idle = _gauge("node_cpu_seconds_total", f'{_CHOSEN}, mode="idle"')
    cores = f"count by (instance) ({idle})"
    modes = _gauge("node_cpu_seconds_total", f'{_CHOSEN}, mode!="idle"')
    return Section(
        "Processors",
        (
            lines(
                "CPU",
                "percentunit",
                "Share of the time that the cores were not idle.",
                Query(f"1 - avg by (instance) (rate({idle}[$__rate_interval]))", "{{instance}}"),
                at_most=1,
                limits=_NEARLY_FULL,
            ),
            lines(
                "CPU by mode",
                "percentunit",
                "Share of the time of all cores by what they did; steal is what other machines on the same hardware"
                " took.",
                Query(f"avg by (mode) (rate({modes}[$__rate_interval]))", "{{mode}}"),
                stacking=StackingMode.NORMAL,
            ),
            lines(
                "Load per core",
                "none",
                "Processes that run or want to, a core, on average over one and over five minutes. Above 1 they wait.",
                Query(f"{_gauge('node_load1')} / on (instance) {cores}", "{{instance}} 1 min"),
                Query(f"{_gauge('node_load5')} / on (instance) {cores}", "{{instance}} 5 min"),
                limits=(Limit(1, "orange"), Limit(2, "red")),
            ),
        ),
    )


def _memory() -> Section:
    all_of_it, available = _gauge("node_memory_MemTotal_bytes"), _gauge("node_memory_MemAvailable_bytes")
    return Section(
        "Memory and swap",
        (
            lines(
                "Memory",
                "percentunit",
                "Share of the memory that is not available to processes; caches that can be dropped count as"
                " available.",
                Query(f"1 - {available} / {all_of_it}", "{{instance}}"),
                at_most=1,
                limits=_NEARLY_FULL,
                alert="HostMemoryLow",
            ),
            lines(
                "Memory in bytes",
                "bytes",
                "Memory that there is, and what of it is available.",
                Query(all_of_it, "{{instance}} total"),
                Query(available, "{{instance}} available"),
            ),
            lines(
                "Swap in use",
                "bytes",
                "Memory that was moved to disk. A gateway or Redis whose memory is there answers slowly.",
                Query(
                    f"{_gauge('node_memory_SwapTotal_bytes')} - {_gauge('node_memory_SwapFree_bytes')}", "{{instance}}"
                ),
            ),
        ),
    )


def _disks() -> Section:
    space = f"1 - {_gauge('node_filesystem_avail_bytes', _REAL)} / {_gauge('node_filesystem_size_bytes', _REAL)}"
    files = f"1 - {_gauge('node_filesystem_files_free', _REAL)} / ({_gauge('node_filesystem_files', _REAL)} > 0)"
    return Section(
        "Disks",
        (
            lines(
                "Disk",
                "percentunit",
                "Share of the space that is used, by mount point.",
                Query(space, "{{instance}} {{mountpoint}}"),
                at_most=1,
                limits=_NEARLY_FULL,
                span=6,
                alert="HostDiskLow",
            ),
            lines(
                "Disk files",
                "percentunit",
                "Share of the file entries (inodes) that are used, by mount point.",
                Query(files, "{{instance}} {{mountpoint}}"),
                at_most=1,
                limits=_NEARLY_FULL,
                span=6,
            ),
            lines(
                "Disk traffic",
                "Bps",
                "Bytes a second that were read and, below zero, written.",
                Query(rate("node_disk_read_bytes_total", _CHOSEN, by="instance, device"), "{{device}} read"),
                Query(
                    f"-{rate('node_disk_written_bytes_total', _CHOSEN, by='instance, device')}", "{{device}} written"
                ),
                at_least=None,
                span=6,
            ),
            lines(
                "Disk busy",
                "percentunit",
                "Share of the time in which a disk had something to do.",
                Query(rate("node_disk_io_time_seconds_total", _CHOSEN, by="instance, device"), "{{device}}"),
                limits=_NEARLY_FULL,
                span=6,
            ),
        ),
    )


def _network() -> Section:
    troubles = " + ".join(
        rate(f"node_network_{way}_{trouble}_total", _WIRED, by="instance")
        for way in ("receive", "transmit")
        for trouble in ("errs", "drop")
    )
    return Section(
        "Networks",
        (
            lines(
                "Network",
                "Bps",
                "Bytes a second that were received and, below zero, sent, the loopback apart. Empty in containers: an"
                " exporter there sees the container's network.",
                Query(rate("node_network_receive_bytes_total", _WIRED, by="instance"), "{{instance}} received"),
                Query(f"-{rate('node_network_transmit_bytes_total', _WIRED, by='instance')}", "{{instance}} sent"),
                at_least=None,
                span=12,
            ),
            lines(
                "Network troubles",
                "cps",
                "Packets a second that were faulty or dropped, in both directions.",
                Query(troubles, "{{instance}}"),
                limits=(Limit(1, "orange"), Limit(10, "red")),
                span=12,
            ),
        ),
    )
