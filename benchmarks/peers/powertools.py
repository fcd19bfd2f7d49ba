"""A function as the pages of Powertools and boto3 show it: a logger, metrics, and one PutItem."""

from __future__ import annotations

import os
from typing import Any

import boto3
from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit

logger = Logger()
metrics = Metrics()
dynamodb = boto3.client("dynamodb")


@logger.inject_lambda_context
@metrics.log_metrics
def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    """Writes one item of the event's id."""
    key = {"trail": {"S": event["id"]}, "entry": {"S": "first"}}
    dynamodb.put_item(TableName=os.environ["TRAILS_TABLE"], Item=key)
    metrics.add_metric(name="Events", unit=MetricUnit.Count, value=1)
    return {"statusCode": 200}
