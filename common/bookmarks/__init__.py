"""Where bookmarks lie: a folder of one machine, or a bucket of Google Cloud Storage."""

from common.bookmark import Shelf


def shelf(where: str) -> Shelf:
    """The shelf that PULL_STATE names: gs://bucket/prefix, or a folder."""
    if where.startswith("gs://"):
        from common.bookmarks.bucket import Bucket  # late: one of the two is enough for a door

        return Bucket(where)
    from common.bookmarks.folder import Folder

    return Folder(where)
