"""The store in one DynamoDB table, for a bot on more than one machine."""

from adapters.dynamodb.opening import is_made, missing_from, open_arrivals, open_store
from adapters.dynamodb.store import DynamoStore

__all__ = ["DynamoStore", "is_made", "missing_from", "open_arrivals", "open_store"]
