"""The command group, and the only place that turns an error into a line and an exit code."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from typing import Any

import click

from layercheck.cli.exit_codes import CommandError, ExitCode, say
from layercheck.cli.streams import StandardOutputError, abandon_stdout
from layercheck.redact import one_line

_STDOUT_FAILED = "cannot write to standard output: {}; make room there"

# Name -> module and attribute, imported on use, so that `layercheck --version` does not wait for boto3.
_COMMANDS = {
    "check": "layercheck.cli.commands.check:check",
    "plan": "layercheck.cli.commands.plan:plan",
    "layout": "layercheck.cli.commands.layout:layout",
    "push-plan": "layercheck.cli.commands.push_plan:push_plan",
    "images": "layercheck.cli.commands.images:images",
    "journal": "layercheck.cli.commands.journal:journal",
    "diff": "layercheck.cli.commands.diff:diff",
    "serve": "layercheck.cli.commands.serve:serve",
    "demo": "layercheck.cli.commands.demo:demo",
    "completion": "layercheck.cli.commands.completion:completion",
}


class _Group(click.Group):
    """Commands in the order of the documentation, each imported on use."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        module, _, name = _COMMANDS[cmd_name].partition(":")
        command = getattr(import_module(module), name)
        assert isinstance(command, click.Command)  # noqa: S101 - true of every entry in the table above
        return command

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        given = list(args)
        try:
            return super().parse_args(ctx, args)
        except click.NoSuchOption as error:
            name = next((each for each in given if each in _COMMANDS), "COMMAND")
            words = f"No such option {error.option_name!r} in front of the command; options go behind it"
            raise click.UsageError(f"{words}: layercheck {name} {error.option_name}", ctx) from error

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            from difflib import get_close_matches

            near = get_close_matches(args[0], _COMMANDS, n=1)
            if near:
                words = f"{error.message.rstrip('.')}; did you mean {near[0]!r}?"
                raise click.UsageError(words, ctx) from error
            raise

    def make_context(self, *args: Any, **extra: Any) -> click.Context:
        with _reader_may_leave():
            return super().make_context(*args, **extra)

    def invoke(self, ctx: click.Context) -> Any:
        with _reader_may_leave():
            try:
                return super().invoke(ctx)
            except click.UsageError as error:
                name = ctx.invoked_subcommand
                # click does not say which command an option without its value belongs to.
                if error.ctx is None and name is not None and (command := self.get_command(ctx, name)):
                    error.ctx = click.Context(command, info_name=name, parent=ctx)
                raise


@contextmanager
def _reader_may_leave() -> Iterator[None]:
    try:
        yield
    except BrokenPipeError as error:
        # click itself would end the process with code 1.
        raise _ReaderLeftError from error


class _ReaderLeftError(Exception):
    """The reader of standard output has closed it, as `| head` does."""


def _show_version(context: click.Context, parameter: click.Parameter, wanted: bool) -> None:
    if wanted and not context.resilient_parsing:
        from layercheck import __version__

        click.echo(f"layercheck {__version__}")
        context.exit()


@click.group(
    cls=_Group,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Try it without an AWS account: layercheck demo",
)
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_show_version,
    help="Show the version and exit.",
)
@click.pass_context
def cli(context: click.Context) -> int:
    """Which of these layer digests are really in that Amazon ECR repository?"""
    if context.invoked_subcommand is None:
        click.echo(context.get_help(), err=True)
        return ExitCode.USAGE
    return ExitCode.DONE


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line.

    Args:
        arguments: The words behind the command's name; default those of `sys.argv`.

    Returns:
        The exit code: see `layercheck.cli.exit_codes.ExitCode`.
    """
    try:
        code = _run(arguments)
    except (BrokenPipeError, _ReaderLeftError):
        # `| head` has read enough, which is not a failure.
        abandon_stdout()
        return ExitCode.DONE
    return _flushed(code)


def _flushed(code: int) -> int:
    """Writes what is left for standard output. If that fails, a command that was done has failed."""
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except BrokenPipeError:
        abandon_stdout()
    except OSError as error:
        abandon_stdout()
        _complain(_STDOUT_FAILED.format(error.strerror or error), ExitCode.FAILURE)
        return ExitCode.FAILURE if code in (ExitCode.DONE, ExitCode.FOUND) else code
    return code


def _run(arguments: Sequence[str] | None) -> int:
    try:
        result: Any = cli.main(args=arguments, prog_name="layercheck", standalone_mode=False)
    except click.UsageError as error:
        path = error.ctx.command_path if error.ctx is not None else "layercheck"
        return _complain(f"{error.format_message().rstrip('.')} (see: {path} --help)", ExitCode.USAGE)
    except click.ClickException as error:
        return _complain(error.format_message(), ExitCode.FAILURE)
    except CommandError as error:
        return _complain(str(error), error.code, error)
    except (click.Abort, KeyboardInterrupt):
        return _complain("interrupted", ExitCode.INTERRUPTED)
    except (BrokenPipeError, _ReaderLeftError):
        raise
    except MemoryError as error:
        return _complain("out of memory; split the input, or give the machine more", ExitCode.FAILURE, error)
    except StandardOutputError as error:
        # The text still buffered cannot be written either.
        abandon_stdout()
        return _complain(_STDOUT_FAILED.format(error.strerror or error), ExitCode.FAILURE, error)
    except OSError as error:
        return _complain(_of_the_system(error), ExitCode.FAILURE, error)
    except Exception as error:
        if os.environ.get("LAYERCHECK_TRACEBACK"):
            raise
        return _complain(
            f"unexpected {type(error).__name__}: {error}; "
            "please report it with the output of LAYERCHECK_TRACEBACK=1 layercheck ...",
            ExitCode.FAILURE,
            error,
        )
    return result if isinstance(result, int) else ExitCode.DONE


def _of_the_system(error: OSError) -> str:
    """What an error of the system means, and what to do about it."""
    if error.errno == errno.ENOSPC:
        return "no space left on the device; make room and run it again"
    if error.errno in (errno.EMFILE, errno.ENFILE):
        return "too many open files; raise ulimit -n and run it again"
    return f"{type(error).__name__}: {error}"


def _complain(message: str, code: ExitCode, error: BaseException | None = None) -> ExitCode:
    """Writes one line, and the error's notes unchanged below it."""
    say("\n".join([one_line(message), *getattr(error, "__notes__", ())]))
    return code
