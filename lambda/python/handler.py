"""The text-encryption API in Python, with boto3.

It exists for the benchmark in `benches`, which compares it with the Rust function; nothing deploys it
otherwise. It speaks the same routes, codes and envelope (see `../README.md`), so either function reads what
the other wrote. Texts above 4,096 bytes need the package `cryptography` in the zip.
"""

import base64
import json
import os
import struct

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

KEY_ID = os.environ["KEY_ID"]
MAX_DIRECT, MAX_TEXT, MAX_CONTEXT = 4096, 4 * 1024 * 1024, 2048
HEAD = b"TXE\x01"
KMS = boto3.client(
    "kms", config=Config(connect_timeout=1, read_timeout=2.5, retries={"mode": "standard", "total_max_attempts": 3})
)
KMS_CODES = {
    "AccessDeniedException": (503, "key_access_denied"),
    "ThrottlingException": (503, "throttled"),
    "DisabledException": (503, "key_unavailable"),
    "KMSInvalidStateException": (503, "key_unavailable"),
    "NotFoundException": (503, "key_unavailable"),
    "InvalidCiphertextException": (400, "bad_ciphertext"),
    "IncorrectKeyException": (400, "bad_ciphertext"),
}


class Refusal(Exception):
    """A status and a code for the caller."""


def handle(event, context):
    """Answers one proxy event of the gateway."""
    try:
        return reply(200, route(event))
    except Refusal as refusal:
        status, code = refusal.args
    except ClientError as error:
        status, code = KMS_CODES.get(error.response["Error"]["Code"], (502, "kms_failed"))
    except BotoCoreError:
        status, code = 503, "kms_unreachable"
    return reply(status, {"error": {"code": code, "message": code, "request_id": context.aws_request_id}})


def reply(status, body):
    headers = {"content-type": "application/json", "cache-control": "no-store"}
    return {"statusCode": status, "headers": headers, "body": json.dumps(body, ensure_ascii=False)}


def route(event):
    routes = {"/encrypt": (encrypt, "text"), "/decrypt": (decrypt, "ciphertext")}
    if event["path"] not in routes:
        raise Refusal(404, "not_found")
    if event["httpMethod"] != "POST":
        raise Refusal(405, "method_not_allowed")
    work, field = routes[event["path"]]
    try:
        body = json.loads(event["body"])
        given, pairs = body.pop(field), body.pop("context", {})
        strings = [given, *pairs.keys(), *pairs.values()]
        data = [string.encode() for string in strings]
    except (ValueError, TypeError, KeyError, AttributeError):
        raise Refusal(400, "bad_json") from None
    if body:
        raise Refusal(400, "bad_json")
    if sum(map(len, data[1:])) > MAX_CONTEXT or any(k.startswith("text-encryption:") or not k for k in pairs):
        raise Refusal(400, "bad_context")
    return work(data[0], pairs)


def encrypt(text, pairs):
    if len(text) > MAX_TEXT:
        raise Refusal(413, "text_too_large")
    if 1 <= len(text) <= MAX_DIRECT:
        made = KMS.encrypt(KeyId=KEY_ID, Plaintext=text, EncryptionContext=pairs)
        blob = made["CiphertextBlob"]
    else:
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        made = KMS.generate_data_key(KeyId=KEY_ID, KeySpec="AES_256", EncryptionContext=for_data_key(pairs))
        wrapped, nonce = made["CiphertextBlob"], os.urandom(12)
        header = HEAD + struct.pack(">H", len(wrapped)) + wrapped
        blob = header + nonce + AESGCM(made["Plaintext"]).encrypt(nonce, text, header + canonical(pairs))
    return {"ciphertext": base64.b64encode(blob).decode(), "key_id": made["KeyId"]}


def decrypt(ciphertext, pairs):
    try:
        blob = base64.b64decode(ciphertext, validate=True)
    except ValueError:
        raise Refusal(400, "bad_base64") from None
    if not blob.startswith(HEAD):
        plain = unwrap(blob, pairs)
    else:
        from cryptography.exceptions import InvalidTag
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        end = 6 + int.from_bytes(blob[4:6], "big")
        header, nonce, sealed = blob[:end], blob[end : end + 12], blob[end + 12 :]
        key = unwrap(header[6:], for_data_key(pairs))
        try:
            plain = AESGCM(key).decrypt(nonce, sealed, header + canonical(pairs))
        except (InvalidTag, ValueError):
            raise Refusal(400, "bad_ciphertext") from None
    try:
        return {"text": plain.decode()}
    except UnicodeDecodeError:
        raise Refusal(400, "bad_ciphertext") from None


def unwrap(blob, pairs):
    if not 1 <= len(blob) <= 6144:
        raise Refusal(400, "bad_ciphertext")
    return KMS.decrypt(KeyId=KEY_ID, CiphertextBlob=blob, EncryptionContext=pairs)["Plaintext"]


def for_data_key(pairs):
    return {**pairs, "text-encryption:envelope": "1"}


def canonical(pairs):
    parts = [part.encode() for pair in sorted(pairs.items(), key=lambda p: p[0].encode()) for part in pair]
    return b"".join(struct.pack(">Q", len(part)) + part for part in parts)
