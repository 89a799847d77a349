"""GET /limits and /limits/recordCount."""

from tests.standin.org import Org
from tests.standin.web import Json, Reply, Request

#: What an Enterprise org may use, by the names that /limits has. Calls, bulk jobs and delivered events are counted.
FULL = {
    "AnalyticsExternalDataSizeMB": 40_960,
    "ConcurrentAsyncGetReportInstances": 200,
    "ConcurrentEinsteinDataInsightsStoryCreation": 5,
    "ConcurrentEinsteinDiscoveryStoryCreation": 2,
    "ConcurrentSyncReportRuns": 20,
    "DailyAnalyticsDataflowJobExecutions": 60,
    "DailyAnalyticsUploadedFilesSizeMB": 51_200,
    "DailyAsyncApexExecutions": 250_000,
    "DailyAsyncApexTests": 500,
    "DailyBulkV2QueryFileStorageMB": 976_562,
    "DailyDeliveredPlatformEvents": 10_000,
    "DailyDurableGenericStreamingApiEvents": 200_000,
    "DailyDurableStreamingApiEvents": 200_000,
    "DailyEinsteinDataInsightsStoryCreation": 1_000,
    "DailyEinsteinDiscoveryOptimizationJobRuns": 25,
    "DailyEinsteinDiscoveryPredictAPICalls": 50_000,
    "DailyEinsteinDiscoveryPredictionsByCDC": 500_000,
    "DailyEinsteinDiscoveryStoryCreation": 100,
    "DailyFunctionsApiCallLimit": 235_000,
    "DailyGenericStreamingApiEvents": 10_000,
    "DailyStandardVolumePlatformEvents": 10_000,
    "DailyStreamingApiEvents": 200_000,
    "DailyWorkflowEmails": 100_000,
    "DataStorageMB": 1_024,
    "DurableStreamingApiConcurrentClients": 20,
    "FileStorageMB": 1_024,
    "HourlyAsyncReportRuns": 1_200,
    "HourlyDashboardRefreshes": 200,
    "HourlyDashboardResults": 5_000,
    "HourlyDashboardStatuses": 999_999_999,
    "HourlyLongTermIdMapping": 100_000,
    "HourlyManagedContentPublicRequests": 50_000,
    "HourlyODataCallout": 20_000,
    "HourlyPublishedPlatformEvents": 50_000,
    "HourlyPublishedStandardVolumePlatformEvents": 1_000,
    "HourlyShortTermIdMapping": 100_000,
    "HourlySyncReportRuns": 500,
    "HourlyTimeBasedWorkflow": 1_000,
    "MassEmail": 5_000,
    "MonthlyEinsteinDiscoveryStoryCreation": 500,
    "MonthlyPlatformEventsUsageEntitlement": 0,
    "Package2VersionCreates": 6,
    "Package2VersionCreatesWithoutValidation": 500,
    "PermissionSets": 1_500,
    "PrivateConnectOutboundCalloutHourlyLimitMB": 0,
    "PublishCallbackUsageInApex": 5_242_880,
    "SingleEmail": 5_000,
    "StreamingApiConcurrentClients": 20,
}


def answer(org: Org, request: Request, rest: list[str]) -> Reply:
    """What may be used and what is left; or how many records objects have."""
    if rest:
        request.resource = "limits/recordCount"
        return Reply(200, {"sObjects": _counts(org, request)})
    request.resource = "limits"
    most = int(org.settings["dailyApiRequests"])
    used: Json = {"DailyApiRequests": {"Max": most, "Remaining": max(0, most - org.calls.used_today)}}
    daily = int(org.settings["dailyDeliveredEvents"])
    used["DailyDeliveredPlatformEvents"] = {"Max": daily, "Remaining": max(0, daily - org.events.usage.delivered)}
    full = {name: {"Max": value, "Remaining": value} for name, value in FULL.items()}
    return Reply(200, full | org.bulk.remaining() | used)


def _counts(org: Org, request: Request) -> list[Json]:
    """Objects without records are left out."""
    asked = [name for name in request.query.get("sObjects", "").split(",") if name]
    tables = [org.store.find_table(name) for name in asked] if asked else list(org.store.tables.values())
    return [{"count": table.living(), "name": table.sobject.name} for table in tables if table and table.living()]
