"""Makes the emulator's API Gateway take patches, tags and second creations the way AWS does.

It replaces functions of the pinned version of the emulator, and nothing else would notice a change of them.

Every value of a patch is text in AWS's protocol and gets the type of its field; inside a path `~1` stands for
a slash; members of lists are added and removed one by one; a tag shows in the resource that carries it.
"""

import json
from urllib.parse import unquote

from ministack.services import apigateway_v1 as gateway

BOOLEANS = {"apiKeyRequired", "disableExecuteApiEndpoint", "enabled", "tracingEnabled", "cacheClusterEnabled"}
INTEGERS = {
    "authorizerResultTtlInSeconds",
    "minimumCompressionSize",
    "timeoutInMillis",
    "burstLimit",
    "limit",
    "offset",
}
# Lists whose patches carry the member as the value.
MEMBERS = {"authorizationScopes", "providerARNs", "vpcEndpointIds"}


def typed(target, tokens, value):
    name = tokens[-1]
    of_method = "authorizationType" in target and tokens[0] == "requestParameters"
    if name in BOOLEANS or of_method:
        return str(value).lower() == "true"
    if value is None or (value == "" and (name in INTEGERS or name.endswith("Id"))):
        return None
    if name in INTEGERS:
        return int(value)
    return float(value) if name == "rateLimit" else value


def change_member(members, operation, member):
    if operation == "remove":
        return [kept for kept in members if kept != member]
    return members if member in members else [*members, member]


def apply_one(target, operation, tokens, value):
    *parents, last = tokens
    if tokens[0] == "binaryMediaTypes" and parents:
        target["binaryMediaTypes"] = change_member(target.get("binaryMediaTypes") or [], operation, last)
        return
    if tokens[:2] == ["endpointConfiguration", "types"]:
        target["endpointConfiguration"]["types"] = [value]
        return
    if tokens == ["apiStages"]:
        api, _, stage = value.partition(":")
        kept = [
            entry
            for entry in target.get("apiStages") or []
            if (entry.get("apiId"), entry.get("stage")) != (api, stage)
        ]
        target["apiStages"] = kept + ([] if operation == "remove" else [{"apiId": api, "stage": stage}])
        return
    value = typed(target, tokens, value)
    holder = target
    for token in parents:
        if not isinstance(holder.get(token), dict):
            holder[token] = {}
        holder = holder[token]
    if last in MEMBERS:
        holder[last] = change_member(holder.get(last) or [], operation, value)
    elif operation == "remove":
        holder.pop(last, None)
    else:
        holder[last] = value


def apply_patch(target, patches):
    for patch in patches:
        tokens = [gateway._decode_json_pointer_token(token) for token in patch.get("path", "")[1:].split("/")]
        apply_one(target, patch.get("op", "replace"), tokens, patch.get("value"))
    return target


def tagged(arn):
    kind, _, rest = arn.partition("::/")[2].partition("/")
    name, _, stage = rest.partition("/stages/")
    if kind == "restapis":
        return gateway._stages_v1.get(name, {}).get(stage) if stage else gateway._rest_apis.get(name)
    stores = {
        "usageplans": gateway._usage_plans,
        "apikeys": gateway._api_keys,
        "domainnames": gateway._domain_names,
    }
    return stores.get(kind, {}).get(name)


def showing(call):
    """Wraps a change of tags, so that the resource shows it."""

    def change(arn, what):
        answer = call(arn, what)
        resource = tagged(arn)
        if answer[0] < 300 and resource is not None:
            tags = dict(resource.get("tags") or {})
            if isinstance(what, dict):
                tags.update(what.get("tags", {}))
            else:
                tags = {key: value for key, value in tags.items() if key not in what}
            resource["tags"] = tags
        return answer

    return change


def without_empty_limits(call):
    """Wraps the creation of a usage plan: AWS shows no throttle and no quota where none is set."""

    def create(data):
        before = set(gateway._usage_plans)
        call(data)
        plan = next(gateway._usage_plans[key] for key in gateway._usage_plans if key not in before)
        for limit in ("throttle", "quota"):
            if not plan[limit]:
                del plan[limit]
        return gateway._v1_response(plan, 201)

    return create


gateway._apply_patch = apply_patch
gateway._tag_v1_resource = showing(gateway._tag_v1_resource)
gateway._untag_v1_resource = showing(gateway._untag_v1_resource)
gateway._create_usage_plan = without_empty_limits(gateway._create_usage_plan)


def refusing(call, exists, message):
    """Wraps a creation: AWS refuses what exists already."""

    def create(*arguments):
        if exists(*arguments):
            return gateway._v1_error("ConflictException", message, 409)
        return call(*arguments)

    return create


def method_of(api, resource, verb):
    return gateway._resources.get(api, {}).get(resource, {}).get("resourceMethods", {}).get(verb)


def named(store):
    return lambda api, data: any(each["name"] == data.get("name") for each in store.get(api, {}).values())


gateway._put_method = refusing(
    gateway._put_method,
    lambda api, resource, verb, data: method_of(api, resource, verb) is not None,
    "Method already exists for this resource",
)
gateway._put_method_response = refusing(
    gateway._put_method_response,
    lambda api, resource, verb, status, data: status
    in (method_of(api, resource, verb) or {}).get("methodResponses", {}),
    "Response already exists for this resource",
)
gateway._create_authorizer = refusing(
    gateway._create_authorizer, named(gateway._authorizers_v1), "Authorizer name must be unique"
)
gateway._create_model = refusing(
    gateway._create_model, named(gateway._models), "Model name already exists for this REST API"
)
gateway._create_stage = refusing(
    gateway._create_stage,
    lambda api, data: data.get("stageName") in gateway._stages_v1.get(api, {}),
    "Stage already exists",
)
gateway._create_usage_plan_key = refusing(
    gateway._create_usage_plan_key,
    lambda plan, data: data.get("keyId") in gateway._usage_plan_keys.get(plan, {}),
    "Usage Plan Key already exists",
)


def without_default_identity(call):
    """Wraps the creation of an authorizer: one of type REQUEST may have no identity source."""

    def create(api, data):
        if data.get("type") == "REQUEST":
            data.setdefault("identitySource", "")
        return call(api, data)

    return create


gateway._create_authorizer = without_default_identity(gateway._create_authorizer)


known_paths = gateway.handle_request


def patched_domain(parts, data):
    """Changes a domain, or one of its base path mappings. The latest truststore is the one without a version."""
    domain = gateway._domain_names.get(parts[1])
    if domain is None:
        return gateway._v1_error("NotFoundException", "Invalid domain name identifier specified", 404)
    patches = data.get("patchOperations", [])
    if len(parts) == 2:
        return gateway._v1_response(apply_patch(domain, patches))
    mapping = gateway._base_path_mappings.get(parts[1], {}).get(parts[3])
    if mapping is None:
        return gateway._v1_error("NotFoundException", "Invalid base path mapping identifier specified", 404)
    for patch in patches:
        # AWS writes this path, and no other, without a capital letter.
        name = {"/restapiId": "restApiId"}.get(patch["path"], patch["path"][1:])
        mapping[name] = patch["value"]
    return gateway._v1_response(mapping)


async def handle_domains(method, path, headers, body, query):
    parts = [unquote(part) for part in path.strip("/").split("/")]
    if method == "PATCH" and parts[0] == "domainnames" and len(parts) in (2, 4):
        return patched_domain(parts, json.loads(body))
    return await known_paths(method, path, headers, body, query)


gateway.handle_request = handle_domains
gateway._create_domain_name = refusing(
    gateway._create_domain_name,
    lambda data: data.get("domainName") in gateway._domain_names,
    "The domain name you provided already exists.",
)
gateway._create_base_path_mapping = refusing(
    gateway._create_base_path_mapping,
    lambda domain, data: data.get("basePath", "(none)") in gateway._base_path_mappings.get(domain, {}),
    "Base path already exists for this domain name",
)
