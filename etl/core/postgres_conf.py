"""The settings of the embedded server, derived from the machine it runs on."""

import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from etl.core.settings import SCHEMAS

MIB = 1 << 20
GIB = 1 << 30


def memory_bytes() -> int:
    """The memory this process may use: the machine's, or less where a container sets a limit."""
    limits = [os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")]
    for limit in (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes")):
        if limit.is_file() and (text := limit.read_text().strip()).isdigit():
            limits += [int(text)]
    return min(limits)


def shared_memory_bytes() -> int:
    """The size of the memory file system that parallel queries share; 0 where there is none."""
    folder = Path("/dev/shm")  # noqa: S108 - only looked at
    return shutil.disk_usage(folder).total if folder.is_dir() else 0


def server_settings(
    *, socket_folder: Path, cluster_name: str, memory: int, free_disk: int, shared_memory: int, throwaway: bool
) -> dict[str, str]:
    """Settings for a server that one person's loads have to themselves, on a machine they share with other programs.

    A committed load survives a crash, unless the server is *throwaway*.
    """
    settings = {
        "cluster_name": cluster_name,
        "listen_addresses": "",
        "unix_socket_directories": _in_list(str(socket_folder)),
        "unix_socket_permissions": "0700",
        "port": "5432",
        "max_connections": "60",
        # A quarter of the memory is usual for a server alone; half of that, since clones and tests run side by side.
        "shared_buffers": _mib(memory // 8, 128 * MIB, 4 * GIB),
        "effective_cache_size": _mib(memory // 2, 256 * MIB, 64 * GIB),
        "maintenance_work_mem": _mib(memory // 32, 64 * MIB, GIB),
        "work_mem": _mib(memory // 256, 16 * MIB, 128 * MIB),
        # Nothing replicates from here, and minimal lets a table made in the same transaction skip the log.
        "wal_level": "minimal",
        "max_wal_senders": "0",
        "max_logical_replication_workers": "0",
        "max_wal_size": _mib(min(memory // 4, free_disk // 8), 512 * MIB, 8 * GIB),
        # A load is one session: where these are full it writes page by page itself, and its updates take twice as long.
        "wal_buffers": _mib(memory // 128, 16 * MIB, 64 * MIB),
        # The binaries bring pglz alone, which takes longer to press a page than a disk to write it.
        "wal_compression": "off",
        "checkpoint_timeout": "15min",
        "random_page_cost": "1.1",
        "jit": "off",
        "log_timezone": "UTC",
        "timezone": "UTC",
        "datestyle": "ISO, YMD",
        "search_path": ", ".join((*SCHEMAS, "public")),
        # A server log must not hold a member's data: no statement, no DETAIL, no CONTEXT line.
        "log_error_verbosity": "terse",
        "log_min_error_statement": "panic",
        "log_checkpoints": "off",
        "log_lock_waits": "off",
    }
    if shared_memory < GIB:
        # Parallel queries of a container with a small /dev/shm would fail to get their memory there.
        settings["dynamic_shared_memory_type"] = "mmap"
    if throwaway:
        settings |= {"shared_buffers": "128MB", "fsync": "off", "full_page_writes": "off", "synchronous_commit": "off"}
    return settings


def as_conf(settings: Mapping[str, str]) -> str:
    """The text of a PostgreSQL configuration file."""
    lines = ["# Rewritten at each start. Put your own settings into a file of this folder that sorts later."]
    lines += [f"{name} = '{value.replace(chr(39), chr(39) * 2)}'" for name, value in settings.items()]
    return "\n".join((*lines, ""))


def _in_list(path: str) -> str:
    """*path* as one item of a list setting, whose items may hold commas and quotes."""
    return '"' + path.replace('"', '""') + '"'


def _mib(size: int, least: int, most: int) -> str:
    return f"{min(max(size, least), most) // MIB}MB"
