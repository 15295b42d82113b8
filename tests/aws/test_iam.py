"""The policy documents under docs/iam allow what the providers call, and nothing else."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import botocore.session
import pytest

import pipeline.crosscheck
from pipeline.crosscheck.remote.aws import MODEL_DIR
from pipeline.service import checkpoint_copy

ROOT = Path(__file__).parents[2]
IAM = ROOT / "docs" / "iam"
CODE = Path(pipeline.crosscheck.__file__).parent

CALLERS = {"call", "_call", "_read", "_read_pages", "call_patiently"}
ACTION_BY_API = {
    "QueryRange": "aps:QueryMetrics",
    "SearchResults": "es:ESHttpPost",
    "PutObject": "s3:PutObject",
    "GetTopicAttributes": "sns:GetTopicAttributes",
}
"""Where the action is not called like the API."""

CASES: dict[str, tuple[list[str], str, list[str], set[str]]] = {
    # name: modules that call, IAM prefix, policies, actions that are no call of ours
    "cloudwatch": (["cloudwatch/provider.py"], "cloudwatch", ["cloudwatch-read.json"], set()),
    "cloudwatch publishing": (
        ["cloudwatch/publisher.py", "feed/cloudwatch.py"],
        "cloudwatch",
        ["cloudwatch-publish.json"],
        set(),
    ),
    "lookout": (["lookout/provider.py"], "lookoutmetrics", ["lookout-read.json", "lookout-feedback.json"], set()),
    "lookout setup": (["lookout/setup.py"], "lookoutmetrics", ["lookout-setup.json"], {"iam:PassRole"}),
    "lookout feed": (["feed/lookout.py"], "s3", ["lookout-feed.json"], set()),
    "amp": (["amp.py"], "aps", ["amp-read.json"], set()),
    "amp setup": (["set_up.py"], "aps", ["amp-setup.json"], set()),
    "opensearch": (["opensearch.py"], "es", ["opensearch-read.json"], set()),
}
COPY = Path(checkpoint_copy.__file__)
ROLES = {"lookout-role-s3.json", "lookout-role-sns.json", "lookout-role-trust.json"}
"""What AWS itself does on our behalf."""


def list_apis(path: Path) -> set[str]:
    """Names of APIs handed to the functions that make calls."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Assign) and any(isinstance(one, ast.Name) and one.id == "api" for one in node.targets):
            arguments: Iterable[ast.expr] = [node.value]
        elif isinstance(node, ast.Call):
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            arguments = node.args[:2] if name in CALLERS else []
        else:
            continue
        for argument in arguments:
            if isinstance(argument, ast.Constant) and isinstance(argument.value, str):
                match = re.fullmatch(r"(?:[a-z0-9]+ )?((?:[A-Z][a-z0-9]+){2,})", argument.value)
                if match:
                    found.add(match.group(1))
    return found


def statements(file: str) -> list[dict[str, Any]]:
    document = json.loads((IAM / file).read_text(encoding="utf-8"))
    assert document["Version"] == "2012-10-17"
    return list(document["Statement"])


def actions(file: str) -> set[str]:
    found: list[str] = []
    for statement in statements(file):
        found += [statement["Action"]] if isinstance(statement["Action"], str) else statement["Action"]
    assert len(found) == len(set(found)), f"{file} allows something twice"
    return set(found)


@pytest.mark.parametrize("case", CASES)
def test_policies_allow_what_is_called_and_nothing_else(case: str) -> None:
    modules, prefix, files, others = CASES[case]
    apis = set().union(*(list_apis(CODE / module) for module in modules))
    assert apis, "the calls of this provider were not found in its code"
    called = {ACTION_BY_API.get(api, f"{prefix}:{api}") for api in apis}
    allowed = set().union(*(actions(file) for file in files))
    assert allowed == called | others


def test_every_module_that_calls_is_looked_at() -> None:
    looked_at = {module for modules, _, _, _ in CASES.values() for module in modules}
    calling = {str(path.relative_to(CODE)) for path in CODE.rglob("*.py") if list_apis(path)}
    assert calling == looked_at


def test_the_policy_of_checkpoint_copies_allows_what_they_call() -> None:
    # Listing objects is another action than its API.
    called = {f"s3:{api}" for api in list_apis(COPY) - {"ListObjectsV2"}} | {"s3:ListBucket"}
    assert actions("checkpoint-copy.json") == called
    assert len(called) == 4


def test_every_file_is_used_and_told_of() -> None:
    files = {path.name for path in IAM.glob("*.json")}
    assert files == {file for _, _, own, _ in CASES.values() for file in own} | ROLES | {"checkpoint-copy.json"}
    readme = (IAM / "README.md").read_text(encoding="utf-8")
    assert all(f"`{file}`" in readme for file in files)


def test_actions_are_apis_of_the_service() -> None:
    session = botocore.session.Session()
    session.get_component("data_loader").search_paths.insert(0, str(MODEL_DIR))
    services = {"cloudwatch": "cloudwatch", "lookoutmetrics": "lookoutmetrics", "s3": "s3", "sns": "sns", "iam": "iam"}
    # What is an action only, and no API: passing a role; reading and listing objects have other names as APIs.
    no_apis = {"iam:PassRole", "s3:ListBucket"}
    for path in IAM.glob("*.json"):
        for action in actions(path.name) - no_apis:
            prefix, name = action.split(":")
            if prefix in services:
                assert name in session.get_service_model(services[prefix]).operation_names, action
            elif prefix == "aps" and name != "QueryMetrics":
                assert name in session.get_service_model("amp").operation_names, action


def test_no_policy_allows_everything() -> None:
    # Actions that AWS does not scope to resources.
    unscoped = {
        "cloudwatch:GetMetricData",
        "cloudwatch:PutAnomalyDetector",
        "cloudwatch:PutMetricData",
        "lookoutmetrics:CreateAnomalyDetector",
        "lookoutmetrics:ListAnomalyDetectors",
    }
    for path in IAM.glob("*.json"):
        for statement in statements(path.name):
            assert statement["Effect"] == "Allow"
            assert statement["Sid"].isalnum()
            own = [statement["Action"]] if isinstance(statement["Action"], str) else statement["Action"]
            assert not any("*" in action for action in own), path.name
            if "Principal" in statement:
                assert "Condition" in statement
            elif statement["Resource"] == "*":
                assert set(own) <= unscoped, path.name
            if "cloudwatch:PutMetricData" in own or "iam:PassRole" in own:
                assert "Condition" in statement
