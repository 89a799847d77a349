"""What a program that uses aiosalesforce does with an org; prints what it got as JSON."""

import asyncio
import json
import sys
from typing import Any

from aiosalesforce import ClientCredentialsFlow, Salesforce
from httpx import AsyncClient


async def main(base_url: str) -> dict[str, Any]:
    got: dict[str, Any] = {}
    async with AsyncClient() as client:
        org = Salesforce(client, base_url=base_url, auth=ClientCredentialsFlow("isthmus", "isthmus"), version="66.0")
        record_id = await org.sobject.create("Account", {"Name": "하나", "External_Id__c": "a-1"})
        got["created"] = record_id
        await org.sobject.update("Account", record_id, {"Phone": "02-1"})
        upserted = await org.sobject.upsert("Account", "a-2", "External_Id__c", {"Name": "둘"})
        got["upserted"] = [upserted.id, upserted.created]
        got["read"] = await org.sobject.get("Account", record_id, fields=["Name", "Phone"])
        got["by_key"] = (await org.sobject.get("Account", "a-2", external_id_field="External_Id__c"))["Name"]
        got["queried"] = [row async for row in org.query("SELECT Name FROM Account ORDER BY Name")]
        try:
            await org.sobject.create("Account", {"Nme": "typo"})
        except Exception as exc:
            got["refused"] = [type(exc).__name__, getattr(exc, "error_code", None)]
        result = await org.bulk_v2.insert("Contact", [{"LastName": f"bulk {n}"} for n in range(1500)])
        got["bulk"] = [len(result.successful_results), len(result.failed_results), result.jobs[0].state]
        await org.sobject.delete("Account", record_id)
        try:
            await org.sobject.get("Account", record_id)
        except Exception as exc:
            got["gone"] = [type(exc).__name__, getattr(exc, "error_code", None)]
    return got


print(json.dumps(asyncio.run(main(sys.argv[1])), default=str))
