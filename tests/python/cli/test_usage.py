"""Wrong usage: exit code 2, and one line that says what to type instead."""

import os
import subprocess
from pathlib import Path

import pytest

from .conftest import COMMAND, Layercheck, digest

COMMANDS = ("check", "plan", "push-plan", "journal", "diff", "serve", "demo", "completion")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        pytest.param(["chek"], "chek", id="no-such-command"),
        pytest.param(["check"], "REPOSITORY", id="no-repository"),
        pytest.param(["check", "app", "--colour"], "--colour", id="no-such-option"),
        pytest.param(["check", "app", "--fail-on", "missing"], "'missing' is not a verdict", id="fail-on"),
        pytest.param(["check", "app", "--fail-on", ""], "expected none, or some of", id="fail-on-empty"),
        pytest.param(["check", "app", "--fail-on", "unanswered"], "exit code 4", id="fail-on-incomplete"),
        pytest.param(["check", "app", "--batch-size", "101"], "1<=x<=100", id="batch-size"),
        pytest.param(["plan", "--threads", "0"], "x>=1", id="threads"),
        pytest.param(["check", "app", "--rate", "0"], "calls per second, quota or max", id="rate-zero"),
        pytest.param(["check", "app", "--rate", "nan"], "calls per second, quota or max", id="rate-nan"),
        pytest.param(["check", "app", "--max-in-flight", "0"], "1<=x<=1024", id="max-in-flight"),
        pytest.param(["check", "app", "--endpoint-url", "localhost:80"], "expected a URL", id="endpoint"),
        pytest.param(["check", "app", "--format", "xml"], "'xml'", id="format"),
        pytest.param(["check", "app", "-o", "report.txt"], ".jsonl", id="suffix"),
        pytest.param(["check", "app", "-o", "r.csv", "--format", "table"], "-o takes", id="table-in-file"),
        pytest.param(["check", "Team/App"], "did you mean 'team/app'", id="upper-case-repository"),
        pytest.param(["check", "team/*"], "is a pattern; name one repository", id="pattern"),
        pytest.param(["images", "team/app,team/two"], "has no comma", id="comma-in-repository"),
        pytest.param(
            ["--region", "eu-west-1", "check", "team/app"],
            "options go behind it: layercheck check --region (see",
            id="option-before-command",
        ),
        pytest.param(["--colour"], "layercheck COMMAND --colour (see", id="option-without-command"),
        pytest.param(["check", digest(1)], "is a digest", id="digest-as-repository"),
        pytest.param(["check", "-", "app"], "REPOSITORY comes before the INPUT", id="stdin-first"),
        pytest.param(
            ["check", "123456789012.dkr.ecr.eu-west-1.amazonaws.com/app", "--region", "us-east-1"],
            "REPOSITORY names the region 'eu-west-1' and --region is 'us-east-1'; leave --region out",
            id="two-regions",
        ),
        pytest.param(
            ["check", "123456789012.dkr.ecr.eu-west-1.amazonaws.com/app", "--public"],
            "REPOSITORY is in private ECR and --public is given; leave --public out",
            id="private-and-public",
        ),
        pytest.param(
            ["check", "app", "--registry-id", "12"],
            "--registry-id is '12'; expected an AWS account id of 12 digits",
            id="registry-id",
        ),
        pytest.param(["check", "localhost:5000/app"], "URL as --endpoint-url", id="another-registry"),
        pytest.param(["check", "app", "--progress"], "(see: layercheck check --help)", id="no-value"),
        pytest.param(["diff", "a", "b", "-o"], "(see: layercheck diff --help)", id="no-value-of-diff"),
        pytest.param(
            ["diff", "a", "b", "-o", "changes"],
            "end the name with .jsonl, .parquet or .html, or add --format",
            id="suffix-of-diff",
        ),
        pytest.param(["completion", "tcsh"], "'tcsh'", id="completion"),
        pytest.param(["demo", "--digests", "0"], "--digests", id="demo-none"),
    ],
)
def test_wrong_usage_is_one_line_and_code_2(layercheck: Layercheck, arguments: list[str], said: str) -> None:
    ended = layercheck(*arguments)
    assert ended.code == 2
    assert ended.out == ""
    assert ended.err.startswith("layercheck: ")
    assert ended.err.count("\n") == 1
    assert said in ended.err
    assert "--help" in ended.err


def test_swapped_arguments_are_recognised(layercheck: Layercheck, digests: Path) -> None:
    for arguments in (["check", digests, "team/app"], ["check", digests]):
        ended = layercheck(*arguments)
        assert ended.code == 2
        assert "REPOSITORY comes first" in ended.err
        assert f"layercheck check REPOSITORY {digests}" in ended.err


def test_a_password_in_the_endpoint_is_refused_and_not_repeated(layercheck: Layercheck) -> None:
    ended = layercheck("check", "app", "--endpoint-url", "https://me:hunter2@ecr.example/")
    assert ended.code == 2
    assert "hunter2" not in ended.err
    assert "refused" in ended.err


def test_standard_input_is_read_once(layercheck: Layercheck) -> None:
    ended = layercheck("plan", "-", "-")
    assert ended.code == 1
    assert "only once" in ended.err


def test_without_a_command_the_help_is_shown(layercheck: Layercheck) -> None:
    ended = layercheck()
    assert ended.code == 2
    assert "Usage: layercheck" in ended.err


def test_the_help_names_every_command_and_option(layercheck: Layercheck) -> None:
    ended = layercheck("--help")
    assert ended.code == 0
    for command in COMMANDS:
        assert f"\n  {command} " in ended.out
        helped = layercheck(command, "--help")
        assert helped.code == 0
        assert helped.err == ""
        assert max(map(len, helped.out.splitlines())) <= 100
    options = (
        "--region --profile --endpoint-url --registry-id --public --rate --max-in-flight --strict "
        "--batch-size --threads --output --format --fail-on --dry-run --quiet --no-progress --journal "
        "--max-age --durability"
    )
    for option in options.split():
        assert option in layercheck("check", "--help").out


@pytest.mark.parametrize(
    "arguments", [["--version"], ["--help"], ["check", "--help"], ["plan", "-", "--allow-empty"]]
)
def test_neither_boto3_nor_numpy_is_loaded_without_need(
    environment: dict[str, str], arguments: list[str]
) -> None:
    code = (
        "import sys\n"
        "from layercheck.cli import main\n"
        f"assert main({arguments!r}) == 0\n"
        "loaded = {'boto3', 'botocore', 'numpy', 'pyarrow', 'pandas'} & set(sys.modules)\n"
        "assert not loaded, loaded\n"
    )
    done = subprocess.run(
        [COMMAND[0], "-c", code], env=environment, input=b"", capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr.decode()


def test_version_says_name_and_version(layercheck: Layercheck) -> None:
    from layercheck import __version__

    assert layercheck("--version").out == f"layercheck {__version__}\n"


@pytest.mark.parametrize("command", ["check", "plan", "diff", "serve", "demo"])
def test_help_keeps_to_80_columns(layercheck: Layercheck, command: str) -> None:
    lines = layercheck(command, "--help", env={"COLUMNS": "80"}).out.splitlines()
    assert [line for line in lines if len(line) > 80] == []


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_scripts_ask_the_command(layercheck: Layercheck, shell: str) -> None:
    ended = layercheck("completion", shell)
    assert ended.code == 0
    assert f"_LAYERCHECK_COMPLETE={shell}_complete" in ended.out


def test_completion_knows_commands_and_options(environment: dict[str, str]) -> None:
    def complete(words: str, index: int) -> str:
        asked = {"_LAYERCHECK_COMPLETE": "bash_complete", "COMP_WORDS": words, "COMP_CWORD": str(index)}
        done = subprocess.run(COMMAND, env=environment | asked, capture_output=True, check=False)
        return done.stdout.decode()

    assert "plain,check" in complete("layercheck ch", 1)
    assert "plain,--region" in complete("layercheck check app --reg", 3)
    assert "plain,jsonl" in complete("layercheck check app --format js", 4)


def test_the_bash_script_is_valid_bash(layercheck: Layercheck, tmp_path: Path) -> None:
    script = tmp_path / "completion.bash"
    script.write_text(layercheck("completion", "bash").out)
    done = subprocess.run(["bash", "-n", os.fspath(script)], capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, b"")
