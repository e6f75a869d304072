"""The rules of our bucket: private, uploads by browsers, abandoned uploads deleted.

The bucket may have rules of others. They stay: ours are added to them, and recognised by their ids when they are
replaced.
"""

import json
from collections.abc import Callable
from urllib.parse import urlsplit

from django.conf import settings

from foundation.storage.interface import SetupReport

MAX_CORS_RULES = 100
MAX_LIFECYCLE_RULES = 1000
# Error codes for unsupported calls. Amazon's buckets without access lists are private from the start.
UNSUPPORTED_CODES = ("NotImplemented", "MalformedXML", "MethodNotAllowed", "AccessControlListNotSupported")
PUBLIC_GROUPS = tuple(f"http://acs.amazonaws.com/groups/global/{name}" for name in ("AllUsers", "AuthenticatedUsers"))


class RulesRefused(Exception):
    """A rule can't be added without harm to those of others. The message says what to do."""


def apply_rules(client, bucket: str) -> SetupReport:
    """Apply our rules to the bucket. `client` is an S3 client of boto3."""
    report = SetupReport([], [])
    for call, rule in BUCKET_RULES.items():
        try:
            rule(client, bucket)
        except RulesRefused as refused:
            report.refused.append(str(refused))
        except client.exceptions.ClientError as error:
            if _code(error) not in UNSUPPORTED_CODES:
                raise
            report.unsupported.append(call)
    return report


def _make_private(client, bucket: str) -> None:
    """Take the rights of the public from the bucket's access list; others keep theirs."""
    access = _read(client, client.get_bucket_acl, bucket, "make sure yourself that the bucket is private")
    grants = [grant for grant in access["Grants"] if grant["Grantee"].get("URI") not in PUBLIC_GROUPS]
    if grants != access["Grants"]:
        client.put_bucket_acl(Bucket=bucket, AccessControlPolicy={"Owner": access["Owner"], "Grants": grants})


def _allow_cors(client, bucket: str) -> None:
    url = urlsplit(settings.APP_BASE_URL)
    rule = {
        "AllowedOrigins": [f"{url.scheme}://{url.netloc}"],
        "AllowedMethods": ["GET", "POST"],
        "AllowedHeaders": ["*"],
        "MaxAgeSeconds": 3600,
    }
    ours = {"ID": "privet"} | rule
    found = _read(client, client.get_bucket_cors, bucket, _by_hand(ours), missing="NoSuchCORSConfiguration")
    # Earlier versions gave the rule no id.
    others = [other for other in found.get("CORSRules", []) if other.get("ID") != ours["ID"] and other != rule]
    _check_limit("CORS", len(others) + 1, MAX_CORS_RULES)
    client.put_bucket_cors(Bucket=bucket, CORSConfiguration={"CORSRules": [*others, ours]})


def _expire_abandoned_uploads(client, bucket: str) -> None:
    ours = [
        _lifecycle_rule("privet-uploads", "incoming/", Expiration={"Days": 1}),
        _lifecycle_rule("privet-parts", "", AbortIncompleteMultipartUpload={"DaysAfterInitiation": 1}),
    ]
    found = _read(
        client, client.get_bucket_lifecycle_configuration, bucket, _by_hand(*ours),
        missing="NoSuchLifecycleConfiguration",
    )  # fmt: skip
    others = [rule for rule in found.pop("Rules", []) if not _is_own_lifecycle_rule(rule, ours)]
    _check_limit("lifecycle", len(others) + len(ours), MAX_LIFECYCLE_RULES)
    if others and not any("Filter" in rule for rule in others):
        # Amazon allows no mixture with rules in the old notation.
        for rule in ours:
            rule["Prefix"] = rule.pop("Filter")["Prefix"]
    client.put_bucket_lifecycle_configuration(
        Bucket=bucket, LifecycleConfiguration={"Rules": [*others, *ours]}, **found
    )


def _lifecycle_rule(rule_id: str, prefix: str, **action: dict) -> dict:
    return {"ID": rule_id, "Filter": {"Prefix": prefix}, "Status": "Enabled"} | action


def _is_own_lifecycle_rule(rule: dict, ours: list[dict]) -> bool:
    """Whether `rule` has one of our ids, or the id of an earlier version and the same content."""
    return any(
        rule.get("ID") == own["ID"]
        or (
            f"privet-{rule.get('ID')}" == own["ID"]
            and _prefix(rule) == _prefix(own)
            and rule.get("Expiration") == own.get("Expiration")
            and rule.get("AbortIncompleteMultipartUpload") == own.get("AbortIncompleteMultipartUpload")
        )
        for own in ours
    )


def _prefix(rule: dict) -> str:
    return rule.get("Filter", rule).get("Prefix", "")


def _read(client, call: Callable, bucket: str, otherwise: str, *, missing: str = "") -> dict:
    """Return the response of `call` without metadata; nothing if there are no rules, the error code `missing`.

    Raises RulesRefused if the access key has no right to read them, because what is written replaces them all.
    """
    try:
        response = call(Bucket=bucket)
    except client.exceptions.ClientError as error:
        code = _code(error)
        if code == missing:
            return {}
        if code in ("AccessDenied", "403"):
            raise RulesRefused(
                f"{error.operation_name} is denied, so the rules of others are unknown and nothing was changed. Give"
                f" the access key this right and run the command again, or {otherwise}"
            ) from error
        raise
    return {name: value for name, value in response.items() if name != "ResponseMetadata"}


def _by_hand(*rules: dict) -> str:
    return f"add by hand: {json.dumps(rules)}"


def _check_limit(kind: str, count: int, limit: int) -> None:
    if count > limit:
        raise RulesRefused(
            f"The bucket would have {count} {kind} rules, and {limit} are allowed. Nothing was changed. Delete rules"
            " that nobody needs and run the command again, or use another bucket."
        )


def _code(error) -> str:
    return error.response["Error"]["Code"]


# By the name of the API call that applies the rule.
BUCKET_RULES = {
    "PutBucketAcl": _make_private,
    "PutBucketCors": _allow_cors,
    "PutBucketLifecycleConfiguration": _expire_abandoned_uploads,
}
