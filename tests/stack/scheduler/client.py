"""Google's own client of the scheduler on this machine."""

import grpc
from google.api_core.exceptions import AlreadyExists
from google.cloud.scheduler_v1 import CloudSchedulerClient, Job
from google.cloud.scheduler_v1.services.cloud_scheduler.transports import CloudSchedulerGrpcTransport


def connect(host: str) -> CloudSchedulerClient:
    """The real client, without TLS."""
    return CloudSchedulerClient(transport=CloudSchedulerGrpcTransport(channel=grpc.insecure_channel(host)))


def create(host: str, name: str, url: str, *, schedule: str = "* * * * *") -> None:
    """The job as Terraform makes it: every minute, nothing is retried. One that is there already stays as it is."""
    client = connect(host)
    job = Job(name=name, schedule=schedule, time_zone="Etc/UTC", http_target={"uri": url},
              attempt_deadline={"seconds": 60}, retry_config={"retry_count": 0})  # fmt: skip
    try:
        client.create_job(parent=name.rpartition("/jobs/")[0], job=job)
    except AlreadyExists:
        pass  # of an earlier run
    finally:
        client.transport.close()  # type: ignore[no-untyped-call]
