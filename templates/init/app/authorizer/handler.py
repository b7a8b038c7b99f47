"""Lets those callers in whose token was signed by a key of KMS.

A token is a JSON Web Token of the algorithm ES256, in the header `Authorization: Bearer TOKEN`. kms:Verify
checks the signature, so that no package for cryptography is needed. The environment says what a token must
say:

    TOKEN_KEY_ID    the key: its id, its ARN or its alias
    TOKEN_ISSUER    its claim `iss`
    TOKEN_AUDIENCE  its claim `aud`
    ROUTE_SCOPES    the scope that opens each route: {"POST /encrypt": "encrypt"}
"""

import base64
import hashlib
import json
import os
import time

import boto3
from botocore.config import Config

KEY_ID = os.environ["TOKEN_KEY_ID"]
ISSUER = os.environ["TOKEN_ISSUER"]
AUDIENCE = os.environ["TOKEN_AUDIENCE"]
ROUTE_SCOPES = json.loads(os.environ["ROUTE_SCOPES"])
# Seconds by which the clocks of the issuer and of this function may differ.
LEEWAY = 60
# Made once for all requests. Three attempts end before the time limit of the function does.
KMS = boto3.client(
    "kms", config=Config(connect_timeout=1, read_timeout=2, retries={"mode": "standard", "total_max_attempts": 3})
)


class Refused(Exception):
    """Why a token does not count: for the log, the caller only learns that it does not."""


def handle(event, context):
    """Answers API Gateway, which asks with the token and the ARN of the method that is called."""
    try:
        claims = verify(bearer(event.get("authorizationToken", "")), int(time.time()))
    except Refused as reason:
        print(json.dumps({"level": "INFO", "message": f"refused: {reason}", "request_id": context.aws_request_id}))
        # The one message that the gateway turns into a 401; any other is a 500 to the caller.
        raise Exception("Unauthorized") from None
    return answer(claims, event["methodArn"])


def bearer(header):
    scheme, _, token = header.partition(" ")
    if scheme.lower() != "bearer":
        raise Refused("the header is not `Bearer` and a token")
    return token


def verify(token, now):
    """Returns the claims of a token that counts at `now`, in seconds since 1970."""
    try:
        header, payload, signature = token.split(".")
        head, claims, raw = json.loads(decode(header)), json.loads(decode(payload)), decode(signature)
    except (ValueError, RecursionError):
        raise Refused("it is no JSON Web Token") from None
    if not isinstance(head, dict) or not isinstance(claims, dict) or len(raw) != 64:
        raise Refused("it is no JSON Web Token of ES256")
    if head.get("alg") != "ES256" or head.get("typ") != "JWT" or "crit" in head:
        raise Refused("its header is not that of a plain ES256 token")
    check(claims, now)
    # Last, for it is a call of KMS: nothing above lets anybody in without it. A digest, for KMS takes no
    # message above 4,096 bytes.
    try:
        KMS.verify(
            KeyId=KEY_ID,
            Message=hashlib.sha256(f"{header}.{payload}".encode()).digest(),
            MessageType="DIGEST",
            Signature=der(raw),
            SigningAlgorithm="ECDSA_SHA_256",
        )
    except KMS.exceptions.KMSInvalidSignatureException:
        raise Refused("its signature is not of the token key") from None
    return claims


def decode(part):
    """Decodes base64url in its one canonical form, or two texts would be the same token."""
    data = base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
    if base64.urlsafe_b64encode(data).rstrip(b"=").decode() != part:
        raise ValueError("not canonical")
    return data


def check(claims, now):
    audience = claims.get("aud")
    expires, starts = claims.get("exp"), claims.get("nbf", 0)
    if claims.get("iss") != ISSUER:
        raise Refused("it is of another issuer")
    if AUDIENCE not in (audience if isinstance(audience, list) else [audience]):
        raise Refused("it is for another audience")
    # `type`, for to Python `True` is a number too.
    if type(expires) is not int or type(starts) is not int:
        raise Refused("`exp` or `nbf` is no whole number")
    if expires + LEEWAY <= now:
        raise Refused("it has expired")
    if starts > now + LEEWAY:
        raise Refused("it is not valid yet")
    if not claims.get("sub") or not all(isinstance(claims.get(name, ""), str) for name in ("sub", "scope")):
        raise Refused("`sub` is missing, or `sub` or `scope` is no text")


def der(raw):
    """Writes a signature as KMS takes it: its two numbers as a DER sequence, not as 32 bytes each."""

    def integer(part):
        number = int.from_bytes(part, "big")
        # With room for a sign, which must be 0.
        body = number.to_bytes(number.bit_length() // 8 + 1, "big")
        return bytes([0x02, len(body)]) + body

    both = integer(raw[:32]) + integer(raw[32:])
    return bytes([0x30, len(both)]) + both


def answer(claims, method_arn):
    """Opens every route whose scope the token holds, for the gateway keeps the answer for all of them."""
    scope = claims.get("scope", "")
    stage = "/".join(method_arn.split("/")[:2])
    held = scope.split(" ")
    opened = [f"{stage}/{route.replace(' ', '')}" for route, wanted in ROUTE_SCOPES.items() if wanted in held]
    # A policy needs a statement: one that opens nothing is written as a denial of everything.
    effect, resources = ("Allow", opened) if opened else ("Deny", [f"{stage}/*"])
    statement = {"Action": "execute-api:Invoke", "Effect": effect, "Resource": resources}
    return {
        "principalId": claims["sub"],
        "policyDocument": {"Version": "2012-10-17", "Statement": [statement]},
        "context": {"scope": scope},
    }
