"""A database belongs to one org: a sandbox's credentials beside the production database would mix two worlds."""

from common.errors import Misconfigured
from common.ports import Mappings, Org


def refuse_other_org(mappings: Mappings, org: Org) -> None:
    """Stop before anything is read or sent where the database belongs to another org.

    Raises:
        Misconfigured: it does, or the login is refused.
    """
    bound = mappings.org_id
    if bound and bound != org.org_id:
        raise Misconfigured(
            "other_org",
            f"the database belongs to org {bound}, the login leads to {org.org_id}",
            "Connect the database of this org, or the org of this database.",
        )
