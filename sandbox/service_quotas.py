"""Service Quotas of Acme's account: what SageMaker grants, a page at a time."""

import zlib
from typing import Any

from sandbox.aws_json import AwsError, Operation, TokenBucket, page, throttling
from sandbox.company import ACCOUNT_ID, Company
from sandbox.racing import REGION

CALLS_PER_SECOND = 10.0
_TRAINING = "{} for training job usage"
_INSTANCES = ("ml.c5.4xlarge", "ml.c6i.4xlarge", "ml.c7i.4xlarge", "ml.g5.xlarge", "ml.m5.large")


class ServiceQuotas:
    """The one operation that somebody who reads quotas needs."""

    def __init__(self, company: Company) -> None:
        self.company = company
        self.bucket = TokenBucket(company.clock, CALLS_PER_SECOND, CALLS_PER_SECOND)

    def operations(self) -> dict[str, Operation]:
        """Return the operations by the names boto3 sends."""
        return {"ListServiceQuotas": self.list_service_quotas}

    def seconds_to_wait(self, _: str) -> float:
        """Take one call; 0.0 when it may pass."""
        return self.bucket.take()

    def throttling(self, seconds: float) -> AwsError:
        """Return the refusal of a caller who is too fast."""
        return throttling(seconds)

    def list_service_quotas(self, asked: dict[str, Any]) -> dict[str, Any]:
        """Return the quotas of SageMaker that concern training, two on a page at most."""
        if asked["ServiceCode"] != "sagemaker":
            raise AwsError("NoSuchResourceException", "The request failed because the service is not there.")
        names = [_TRAINING.format(instance) for instance in _INSTANCES]
        keys, more = page(names, {**asked, "MaxResults": min(2, asked.get("MaxResults") or 2)})
        return {"Quotas": [self._quota(name) for name in keys], **more}

    def _quota(self, name: str) -> dict[str, Any]:
        code = f"L-{zlib.crc32(name.encode()):08X}"
        is_racing = name.startswith("ml.c7i.4xlarge")
        return {
            "ServiceCode": "sagemaker",
            "ServiceName": "Amazon SageMaker",
            "QuotaArn": f"arn:aws:servicequotas:{REGION}:{ACCOUNT_ID}:sagemaker/{code}",
            "QuotaCode": code,
            "QuotaName": name,
            "Value": float(self.company.racing.jobs_at_once) if is_racing else 0.0,
            "Unit": "None",
            "Adjustable": True,
            "GlobalQuota": False,
        }
