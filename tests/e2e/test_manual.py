"""Man pages and completions: out of the program's own tables, read by mandoc and by the real shells."""

import fcntl
import os
import pathlib
import pty
import re
import select
import signal
import struct
import subprocess
import termios

import pytest

COMMANDS = ["train", "embed", "check", "evaluate", "predict", "explain", "label", "models", "serve", "logs", "backbone", "records"]


def text(topwork, *arguments):
    done = topwork(*arguments)
    assert done.stderr == ""
    return done.stdout


def commands_of(topwork):
    """Those that the overview names, so that a new one is held to the same."""
    names = re.findall(r"^  ([a-z]+)  +\S", text(topwork, "help"), re.M)
    assert set(COMMANDS) <= set(names)
    return names


def options_of(topwork, command):
    return re.findall(r"^ .{5}--([a-z-]+)", text(topwork, "help", command), re.M)


def test_every_command_has_a_man_page_that_mandoc_finds_no_fault_with(topwork):
    for command in ["", *commands_of(topwork)]:
        page = text(topwork, "help", "--man", *([command] if command else []))
        lint = subprocess.run(["mandoc", "-T", "lint", "-W", "warning"], input=page, capture_output=True, text=True, timeout=60)
        complaints = [line for line in lint.stdout.splitlines() if "missing date" not in line]
        assert complaints == [], command
        shown = subprocess.run(["mandoc", "-T", "ascii"], input=page, capture_output=True, text=True, timeout=60).stdout
        plain = re.sub(r".\x08", "", shown)
        assert "EXIT STATUS" in plain and "NAME" in plain
        if command:
            for option in options_of(topwork, command):
                assert f"--{option}" in plain, (command, option)
            assert f"topwork {command} " in plain
        else:
            for name in commands_of(topwork):
                assert f"topwork-{name}(1)" in plain


def test_man_pages_and_completions_are_installed(topwork, tmp_path):
    """meson.build names the commands; one that is missing there has no page."""
    build = pathlib.Path(topwork.binary).parent
    subprocess.run(["meson", "install", "-C", str(build), "--no-rebuild", "--quiet", "--destdir", str(tmp_path)], check=True, timeout=120)
    installed = {path.name for path in tmp_path.rglob("*") if path.is_file()}
    for command in commands_of(topwork):
        assert f"topwork-{command}.1" in installed
    assert {"topwork.1", "_topwork", "topwork.fish"} <= installed
    assert any(path.name == "topwork" and path.parent.name == "completions" for path in tmp_path.rglob("topwork"))


def test_a_shell_that_is_not_known_is_named(topwork):
    assert "bash, zsh or fish" in topwork("help", "--completion", "tcsh", code=2).stderr


def bash(topwork, tmp_path, line):
    script = tmp_path / "completion"
    script.write_text(text(topwork, "help", "--completion", "bash"))
    words = line.split(" ")
    asked = (
        f"source {script}; COMP_WORDS=({' '.join(repr(word) for word in words)}); COMP_CWORD={len(words) - 1}; "
        'compopt() { :; }; _topwork; printf "%s\\n" "${COMPREPLY[@]}"'
    )
    done = subprocess.run(["bash", "--norc", "-c", asked], capture_output=True, text=True, timeout=60, cwd=tmp_path)
    assert done.stderr == ""
    return set(done.stdout.split())


def fish(topwork, tmp_path, line):
    script = tmp_path / "topwork.fish"
    script.write_text(text(topwork, "help", "--completion", "fish"))
    environment = {"HOME": str(tmp_path), "PATH": "/usr/bin:/bin"}
    done = subprocess.run(
        ["fish", "--no-config", "-c", f"source {script}; complete -C {line!r}"], capture_output=True, text=True, timeout=60, cwd=tmp_path, env=environment
    )
    assert done.stderr == ""
    return {row.split("\t")[0] for row in done.stdout.splitlines()}


def until_quiet(terminal):
    """What the shell writes until it has written nothing for a second."""
    seen = b""
    while select.select([terminal], [], [], 20 if not seen else 1)[0]:
        try:
            seen += os.read(terminal, 65536)
        except OSError:  # the shell has ended
            break
    return seen.decode()


def zsh(topwork, tmp_path, line):
    """A zsh on a pseudo-terminal, as a person has it, and the Tab key."""
    (tmp_path / "_topwork").write_text(text(topwork, "help", "--completion", "zsh"))
    (tmp_path / ".zshrc").write_text(f"fpath=({tmp_path} $fpath); autoload -U compinit; compinit -u -D; LISTMAX=1000; PS1='ready '\n")
    shell, terminal = pty.fork()
    if shell == 0:
        os.chdir(tmp_path)
        os.execve("/usr/bin/zsh", ["zsh", "-d", "-i"], {"HOME": str(tmp_path), "ZDOTDIR": str(tmp_path), "PATH": "/usr/bin:/bin", "TERM": "xterm"})
    try:
        fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 120, 180, 0, 0))
        assert "ready" in until_quiet(terminal)
        os.write(terminal, line.encode() + b"\t")
        shown = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", " ", until_quiet(terminal))
    finally:
        os.kill(shell, signal.SIGKILL)
        os.waitpid(shell, 0)
        os.close(terminal)
    return set(re.findall(r"[a-z0-9_./-]+", shown))


@pytest.mark.parametrize("shell", [bash, zsh, fish])
def test_shells_complete_commands_options_and_choices(topwork, tmp_path, shell):
    (tmp_path / "photos").mkdir()
    assert {"train", "embed", "serve", "help"} <= shell(topwork, tmp_path, "topwork ")
    assert "train" in shell(topwork, tmp_path, "topwork tra")
    offered = shell(topwork, tmp_path, "topwork train --")
    assert {"--" + option for option in options_of(topwork, "train")} <= offered
    assert {"f32", "bf16", "int8", "auto"} <= shell(topwork, tmp_path, "topwork train --precision ")
    assert {"list", "info", "quantize"} <= shell(topwork, tmp_path, "topwork backbone ")
