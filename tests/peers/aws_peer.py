"""Lets AWS's own client for Python invoke a function of ours, in every way that its users know.

Started by `cargo xtask test` with a JSON file that says where the server is and what it was given. It ends with an error at the first
thing that the client does not understand as it would understand AWS.
"""

import base64
import json
import pathlib
import sys

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

GIVEN = json.loads(pathlib.Path(sys.argv[1]).read_text())
ONE_TRY = Config(retries={"max_attempts": 1, "mode": "standard"}, read_timeout=20)


def client(url: str, secret: str = GIVEN["secret_key"]):
    return boto3.client(
        "lambda",
        endpoint_url=url,
        region_name="us-east-1",
        aws_access_key_id=GIVEN["access_key"],
        aws_secret_access_key=secret,
        config=ONE_TRY,
    )


def event(contact: str, dialled: str = GIVEN["number"], **parameters) -> bytes:
    data = {
        "ContactId": contact,
        "Channel": "VOICE",
        "CustomerEndpoint": {"Address": "+14155550100", "Type": "TELEPHONE_NUMBER"},
        "SystemEndpoint": {"Address": dialled, "Type": "TELEPHONE_NUMBER"},
        "Queue": None,
    }
    return json.dumps({"Name": "ContactFlowEvent", "Details": {"ContactData": data, "Parameters": parameters}}).encode()


def told(answer: dict) -> dict:
    return json.loads(answer["Payload"].read())


def refused(code: str, call) -> None:
    try:
        call()
    except ClientError as error:
        assert error.response["Error"]["Code"] == code, error.response
    else:
        raise AssertionError(f"it was not refused with {code}")


def main() -> None:
    aws = client(GIVEN["url"])
    answer = aws.invoke(FunctionName="front", Payload=event("b-1"))
    assert (answer["StatusCode"], answer["ExecutedVersion"], "FunctionError" in answer) == (200, "1", False), answer
    assert told(answer)["TenantId"] == "acme"

    arn = "arn:aws:lambda:us-east-1:123456789012:function:front"
    for name, qualifier in [(arn, None), (arn + ":live", None), ("front", "live"), ("front", "1"), ("front", "$LATEST"), ("front:1", None)]:
        more = {"Qualifier": qualifier} if qualifier else {}
        answer = aws.invoke(FunctionName=name, Payload=event(f"b-2-{name}-{qualifier}".replace(":", ".")), **more)
        assert told(answer)["TenantId"] == "acme" and answer["ExecutedVersion"] == "1", (name, qualifier)

    answer = aws.invoke(FunctionName="front", LogType="Tail", Payload=event("b-3"))
    log = base64.b64decode(answer["LogResult"]).decode()
    assert "START RequestId" in log and "REPORT RequestId" in log, log

    assert aws.invoke(FunctionName="front", InvocationType="Event", Payload=event("b-4"))["StatusCode"] == 202
    assert aws.invoke(FunctionName="front", InvocationType="DryRun")["StatusCode"] == 204

    # Where somebody puts the server behind a path, or names the hook itself, the signature is over that path.
    behind = client(GIVEN["url"] + "/hooks/front")
    assert told(behind.invoke(FunctionName="whatever", Payload=event("b-5")))["TenantId"] == "acme"

    refused("AccessDeniedException", lambda: client(GIVEN["url"], "another secret").invoke(FunctionName="front", Payload=event("b-6")))
    refused("ResourceNotFoundException", lambda: aws.invoke(FunctionName="nobody", Payload=event("b-7")))
    refused("ResourceNotFoundException", lambda: aws.invoke(FunctionName="front", Payload=event("b-8", "+15555555555")))
    refused("InvalidRequestContentException", lambda: aws.invoke(FunctionName="front", Payload=b"[]"))

    # A connection whose owner wants errors: a plugin that declines, and a tenant that may not run.
    failed = aws.invoke(FunctionName="strict", Payload=event("b-9", GIVEN["declining"]))
    assert failed["FunctionError"] == "Unhandled" and told(failed)["errorType"] == "declined", failed
    refused("TooManyRequestsException", lambda: aws.invoke(FunctionName="strict", Payload=event("b-10", GIVEN["suspended"])))
    refused("ResourceNotFoundException", lambda: aws.invoke(FunctionName="strict", Qualifier="nowhere", Payload=event("b-11", GIVEN["declining"])))
    print("boto3", boto3.__version__, "invokes by name, ARN, version and alias, reads logs and errors, and is refused as by AWS")


if __name__ == "__main__":
    main()
