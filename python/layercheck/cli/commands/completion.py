"""`layercheck completion SHELL`: print the script that completes commands, options and files."""

from __future__ import annotations

import click

_VARIABLE = "_LAYERCHECK_COMPLETE"
_SHELLS = ("bash", "zsh", "fish")


@click.command(
    "completion",
    short_help="Print a script for bash, zsh or fish.",
    epilog="""\b
bash:  layercheck completion bash > ~/.local/share/bash-completion/completions/layercheck
zsh:   layercheck completion zsh > "${fpath[1]}/_layercheck"
fish:  layercheck completion fish > ~/.config/fish/completions/layercheck.fish
""",
)
@click.argument("shell", type=click.Choice(_SHELLS))
@click.pass_context
def completion(context: click.Context, shell: str) -> None:
    """Print the completion script for bash, zsh or fish."""
    from click.shell_completion import get_completion_class

    kind = get_completion_class(shell)
    if kind is None:  # pragma: no cover - click supports all three shells
        raise click.UsageError(f"click has no completion for {shell}")
    click.echo(kind(context.find_root().command, {}, "layercheck", _VARIABLE).source())
