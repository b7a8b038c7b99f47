"""Encrypts and decrypts texts with one key of KMS.

    POST /encrypt  {"text": "hello"}       -> {"ciphertext": "AQIC..."}
    POST /decrypt  {"ciphertext": "AQIC..."} -> {"text": "hello"}

KEY_ID in the environment is the key: its id, its ARN or its alias. boto3 is part of AWS's Python runtimes.
"""

import base64
import json
import os

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

KEY_ID = os.environ["KEY_ID"]
# What KMS takes in one call, in bytes.
MAX_TEXT, MAX_CIPHERTEXT = 4096, 6144
# Made once for all requests. Three attempts end before the time limit of the function does.
KMS = boto3.client(
    "kms", config=Config(connect_timeout=1, read_timeout=2, retries={"mode": "standard", "total_max_attempts": 3})
)


class Refusal(Exception):
    """An HTTP status and a code for the caller."""


def handle(event, context):
    """Answers one request of API Gateway."""
    try:
        return reply(200, work(event))
    except Refusal as refusal:
        status, code = refusal.args
    except ClientError as error:
        status, code = blame(error, context)
    except BotoCoreError:
        status, code = 503, "kms_unreachable"
    return reply(status, {"error": {"code": code, "request_id": context.aws_request_id}})


def work(event):
    route = f"{event['httpMethod']} {event['resource']}"
    if route not in ROUTES:
        raise Refusal(404, "not_found")
    try:
        return ROUTES[route](json.loads(event["body"]))
    except (KeyError, TypeError, ValueError, AttributeError):
        raise Refusal(400, "bad_request") from None


def encrypt(body):
    text = body["text"].encode()
    if not 1 <= len(text) <= MAX_TEXT:
        raise Refusal(413, "text_too_large" if text else "text_empty")
    ciphertext = KMS.encrypt(KeyId=KEY_ID, Plaintext=text)["CiphertextBlob"]
    return {"ciphertext": base64.b64encode(ciphertext).decode()}


def decrypt(body):
    ciphertext = base64.b64decode(body["ciphertext"], validate=True)
    if not 1 <= len(ciphertext) <= MAX_CIPHERTEXT:
        raise Refusal(400, "bad_ciphertext")
    # With KeyId, KMS refuses what another key has encrypted.
    return {"text": KMS.decrypt(KeyId=KEY_ID, CiphertextBlob=ciphertext)["Plaintext"].decode()}


ROUTES = {"POST /encrypt": encrypt, "POST /decrypt": decrypt}


def blame(error, context):
    """Tells what the caller did from what only the log should say."""
    code = error.response["Error"]["Code"]
    if code in ("InvalidCiphertextException", "IncorrectKeyException"):
        return 400, "bad_ciphertext"
    # Of a denial, the message names the role, the action and the key.
    print(json.dumps({"level": "ERROR", "message": str(error), "request_id": context.aws_request_id}))
    return (503, "key_access_denied") if code == "AccessDeniedException" else (502, "kms_failed")


def reply(status, body):
    headers = {"content-type": "application/json", "cache-control": "no-store"}
    return {"statusCode": status, "headers": headers, "body": json.dumps(body, ensure_ascii=False)}
