"""Teaches the emulator's other services what a stack file can say and they do not know.

As in `gateway.py`, every change is towards what AWS does, and for the pinned version of the emulator alone.
"""

import json
from functools import partial
from urllib.parse import parse_qs

from ministack.core.responses import error_response_json, json_response
from ministack.services import apigateway_v1 as gateway
from ministack.services import cloudwatch_logs as logs
from ministack.services import iam, tagging

# An empty description is a value: it takes the old one away.
iam.parse_qs = partial(parse_qs, keep_blank_values=True)


known_actions = logs.handle_request


async def handle_logs(method, path, headers, body, query):
    action = headers.get("x-amz-target", "").rpartition(".")[2]
    if action not in {"AssociateKmsKey", "DisassociateKmsKey"}:
        return await known_actions(method, path, headers, body, query)
    asked = json.loads(body)
    group = logs._log_groups.get(asked.get("logGroupName"))
    if group is None:
        return error_response_json("ResourceNotFoundException", "The specified log group does not exist.", 400)
    group["kmsKeyId"] = asked.get("kmsKeyId")
    return json_response({})


logs.handle_request = handle_logs


def log_groups_with_tags():
    for group in logs._log_groups.values():
        yield group["arn"].removesuffix(":*"), tagging._normalise_flat(group["tags"])


tagging._COLLECTORS["logs"] = log_groups_with_tags


def domains_with_tags():
    for domain in gateway._domain_names.values():
        arn = f"arn:aws:apigateway:{gateway.get_region()}::/domainnames/{domain['domainName']}"
        yield arn, tagging._normalise_flat(domain["tags"])


tagging._COLLECTORS["apigateway"] = domains_with_tags
