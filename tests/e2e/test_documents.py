"""What the documents tell people to type is there, and what they quote is said."""
import re

import pytest

from conftest import ROOT

DOCUMENTS = sorted([ROOT / "README.md", *(ROOT / "docs").glob("*.md"), *(ROOT / "examples").glob("*/README.md"), ROOT / "tools" / "demo"])


@pytest.fixture(scope="module")
def sources():
    """All C text; adjacent literals joined, as the compiler does."""
    text = "\n".join(path.read_text() for path in sorted((ROOT / "src").rglob("*.c")))
    return re.sub(r'"\s*\n?\s*"', "", text)


def commands_in(text):
    """Command lines: in code, from the program's name to the end of the code or line."""
    for code in re.findall(r"`([^`\n]+)`", text) + re.findall(r"^    (?:\$ )?(.+)$", text, re.M) + re.findall(r"^\$ (.+)$", text, re.M):
        for found in re.finditer(r"(?:^|[\s/;(])(?:topwork|\$topwork) ([a-z]+)((?: [^|;&#`]*)?)", code):
            yield found[1], found[2]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_commands_of_a_document_have_their_options(topwork, document):
    helps = {}
    for command, rest in commands_in(document.read_text()):
        if command in ("help", "version") or not re.search(r"(?<!\S)--[a-z]", rest):
            continue
        if command not in helps:
            helps[command] = topwork("help", command).stdout
        for option in re.findall(r"(?<!\S)--([a-z][a-z-]*)", rest):
            assert f"--{option}" in helps[command], f"{document.name}: topwork {command}{rest}"


def test_sentences_that_troubleshooting_quotes_are_in_the_program(sources):
    text = (ROOT / "docs" / "troubleshooting.md").read_text()
    quoted = [found for row in re.findall(r"^\| (.*?) \|", text, re.M) for found in re.findall(r'"([^"]+)"', row)]
    assert len(quoted) >= 5
    for sentence in quoted:
        assert sentence in sources, sentence
