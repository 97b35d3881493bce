"""Reading what a candidate left, after it has ended: plain files only, followed nowhere."""

import os

CLOSED = 1 << 60
"""Bytes that a folder counts for into which nobody can look."""
_KIND, _PLAIN, _LINK = 0o170000, 0o100000, 0o120000


def collect(box: str, names: list[str], most: int) -> tuple[dict[str, bytes], dict[str, str]]:
    """Contents by name, and why a name has none. `most` bytes altogether."""
    files, faults = {}, {}
    for name in names:
        try:
            files[name] = _read(box, name, most)
            most -= len(files[name])
        except OSError as error:
            faults[name] = "was not written" if error.errno == 2 else os.strerror(error.errno or 0)
        except ValueError as error:
            faults[name] = str(error)
    return files, faults


def _read(box: str, name: str, most: int) -> bytes:
    *folders, last = name.split("/")
    place = os.open(box, os.O_RDONLY | os.O_DIRECTORY)
    try:
        for part in folders:
            _refuse_links(place, part)
            inner = os.open(part, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=place)
            os.close(place)
            place = inner
        _refuse_links(place, last)
        # A pipe without a writer would be waited for.
        file = os.open(last, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=place)
    finally:
        os.close(place)
    try:
        found = os.fstat(file)
        if found.st_mode & _KIND != _PLAIN:
            raise ValueError("is no plain file")
        if found.st_nlink != 1:
            raise ValueError("is a hard link")
        if found.st_size > most:
            raise ValueError(f"is too large: {found.st_size:,} bytes, {most:,} are left")
        with open(file, "rb", closefd=False) as stream:
            return stream.read(most)
    finally:
        os.close(file)


def _refuse_links(place: int, name: str) -> None:
    if os.stat(name, dir_fd=place, follow_symlinks=False).st_mode & _KIND == _LINK:
        raise ValueError("is a symbolic link")


def used(*folders: str) -> tuple[int, int]:
    """Bytes on disk below some folders, and how many files; what cannot be looked into is over.

    Other file systems are not entered.
    """
    size = count = 0
    waiting = list(folders)
    devices = {os.stat(folder).st_dev for folder in folders if os.path.isdir(folder)}
    while waiting:
        try:
            with os.scandir(waiting.pop()) as entries:
                for entry in entries:
                    found = entry.stat(follow_symlinks=False)
                    if found.st_dev not in devices:
                        continue  # an input that is shown there
                    size += found.st_blocks * 512
                    count += 1
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append(entry.path)
        except (FileNotFoundError, NotADirectoryError):
            pass  # gone meanwhile
        except OSError:
            size += CLOSED  # to us, or deeper than a path can be
    return size, count


def remove(folder: str) -> None:
    """A folder with all that is in it, of any depth, closed or not.

    By descriptors: a folder that somebody swaps for a link meanwhile leads nowhere.
    """
    top = _opened(folder)
    try:
        _empty(top, top)
        while waiting := os.listdir(top):
            for name in waiting:
                place = _opened(name, top)
                try:
                    _empty(place, top)
                finally:
                    os.close(place)
                os.rmdir(name, dir_fd=top)
    finally:
        os.close(top)
    os.rmdir(folder)


def _empty(place: int, top: int) -> None:
    """Of files; folders are moved up to the top, so that nothing is ever too deep."""
    with os.scandir(place) as entries:
        found = [(entry.name, entry.is_dir(follow_symlinks=False)) for entry in entries]
    for name, is_folder in found:
        if not is_folder:
            os.unlink(name, dir_fd=place)
        elif place != top:
            os.close(_opened(name, place))  # a closed folder cannot be moved
            os.rename(name, f".{os.urandom(8).hex()}", src_dir_fd=place, dst_dir_fd=top)


def _opened(name: str, place: int | None = None) -> int:
    """A folder, made ours to list and to empty. No link is followed."""
    handle = os.open(name, os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=place)
    try:
        os.chmod(f"/proc/self/fd/{handle}", 0o700)
        return os.open(f"/proc/self/fd/{handle}", os.O_RDONLY | os.O_DIRECTORY)
    finally:
        os.close(handle)
