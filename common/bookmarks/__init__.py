"""Where bookmarks lie: a folder of one machine, or a bucket of Google Cloud Storage."""

from common.bookmark import Shelf


def shelf(where: str) -> Shelf:
    """The shelf that PULL_STATE names: gs://bucket/prefix, or a folder."""
    from common.bookmarks.bucket import Bucket  # late: one of the two is enough for a door
    from common.bookmarks.folder import Folder

    return Bucket(where) if where.startswith("gs://") else Folder(where)
