"""``cmctl completion``."""

import click


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """Print the completion script of a shell.

    \b
    bash: cmctl completion bash > ~/.local/share/bash-completion/completions/cmctl
    zsh:  cmctl completion zsh > a folder of $fpath, as _cmctl
    fish: cmctl completion fish > ~/.config/fish/completions/cmctl.fish
    """
    from click.shell_completion import get_completion_class

    kind = get_completion_class(shell)
    if kind is None:
        raise click.UsageError(f"no completion for {shell}")
    script = kind(click.get_current_context().find_root().command, {}, "cmctl", "_CMCTL_COMPLETE")
    # Not script.source(): that asks the installed bash for its version, which need not be the one that reads this.
    click.echo(script.source_template % script.source_vars())
