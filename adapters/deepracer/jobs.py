"""How many jobs a racing site may run at once: SageMaker's quota for the instances on which it trains.

The platform trains, evaluates and races on `ml.c7i.4xlarge` since its version 1.1.0; an account begins with
eight at once for all of these together, and whoever comes ninth waits.
"""

from typing import Any, Final

from adapters.aws.api import Api, Trouble
from adapters.aws.pace import Pace
from provisioning.brake import Brakes
from provisioning.ports import Clock

QUOTA: Final = "ml.c7i.4xlarge for training job usage"


class JobQuota:
    """Reads the quota of one Region; `client` is a boto3 client of `service-quotas` there."""

    def __init__(self, client: Any, region: str, *, brakes: Brakes, clock: Clock) -> None:
        self._quotas = Api(
            client,
            f"service-quotas:{region}",
            "servicequotas",
            brakes=brakes,
            clock=clock,
            pace=Pace(),
        )

    def at_once(self) -> int | None:
        """Return how many jobs run at once, None where the quota is not listed.

        Raises PermissionMissing, CredentialRefused, AccessUnavailable or Unexpected.
        """
        more: dict[str, str] = {}
        try:
            while True:
                answer = self._quotas.ask("ListServiceQuotas", ServiceCode="sagemaker", **more)
                for quota in answer.get("Quotas", ()):
                    if quota["QuotaName"] == QUOTA:
                        return int(quota["Value"])
                if not answer.get("NextToken"):
                    return None
                more = {"NextToken": answer["NextToken"]}
        except Trouble as trouble:
            raise trouble.error from trouble
