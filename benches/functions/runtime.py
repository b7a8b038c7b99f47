"""Runs a Python handler as Lambda does: takes events from the Runtime API and gives back the answers.

AWS's own client needs a compiler to install. This one does the same, and less of it.
"""

import http.client
import importlib
import json
import os
from types import SimpleNamespace

INVOCATION = "/2018-06-01/runtime/invocation/"

module, name = os.environ["_HANDLER"].rsplit(".", 1)
handle = getattr(importlib.import_module(module), name)
api = http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])
while True:
    api.request("GET", INVOCATION + "next")
    response = api.getresponse()
    event, request = json.load(response), response.headers["lambda-runtime-aws-request-id"]
    answer = json.dumps(handle(event, SimpleNamespace(aws_request_id=request)))
    api.request("POST", f"{INVOCATION}{request}/response", answer.encode())
    api.getresponse().read()
