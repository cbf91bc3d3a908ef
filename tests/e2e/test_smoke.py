"""The program answers at all."""


def test_help_lists_the_commands(topwork):
    text = topwork("help").stdout
    for command in ("train", "embed", "evaluate", "predict", "logs", "backbone", "records"):
        assert f"\n  {command} " in text


def test_unknown_command_names_the_nearest(topwork):
    done = topwork("trian", code=2)
    assert "train" in done.stderr
