"""report.html: one file that says what the run's other files say, whatever photos and labels are called."""
import html.parser
import json
import re
import shlex

import made
import pytest

VOID = {"meta", "image", "use", "line", "rect", "polyline", "br"}
HOSTILE = ["<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "' onfocus=alert(1) autofocus='", "</style><b>&lt;", "\u202egnp.exe", "-- rm"]


class Page(html.parser.HTMLParser):
    """The page as a list of elements, checked to be well nested."""

    def __init__(self, path):
        super().__init__(convert_charrefs=True)
        self.source = path.read_text("utf-8")
        self.open, self.elements, self.text = [], [], ""
        self.feed(self.source)
        assert not self.open

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))

    def handle_endtag(self, tag):
        assert self.open and self.open.pop() == tag, f"</{tag}> after {self.open}"

    def handle_data(self, data):
        if self.open[-1:] != ["style"]:
            self.text += data

    def all(self, tag, **wanted):
        return [found for name, found in self.elements if name == tag and all(found.get(key) == value for key, value in wanted.items())]


def photos_that_err(folder, names=("blue", "red", "green"), per_class=14):
    """Every fourth photo of the first class looks like the second."""
    for number, name in enumerate(names):
        for i in range(per_class):
            shown = list(made.COLOURS)[1 if number == 0 and i % 4 == 0 else number % 3]
            made.photo(folder / name / f"{i:02}.jpg", made.COLOURS[shown], f"{number}/{i}")
    return folder


TRAIN = ("--eval-share", 0.4, "--steps", 150, "--hidden", 32, "-q")


def test_page_says_what_the_metrics_say(topwork, tmp_path):
    folder = photos_that_err(tmp_path / "photos")
    (folder / "red" / "broken.jpg").write_bytes(b"no photo")
    topwork("train", folder, "-o", tmp_path / "run", *TRAIN, code=3)
    page = Page(tmp_path / "run" / "report.html")
    metrics = json.loads((tmp_path / "run" / "metrics.json").read_text())
    rows = made.rows(tmp_path / "run" / "predictions.csv")
    right = sum(row["label"] == row["prediction"] for row in rows)
    assert f"{right} of {len(rows)}" in page.text and f"{100 * metrics['accuracy']:.1f} %" in page.text
    assert "broken.jpg" in page.text and "1 of 43 photos were not used" in page.text
    wrong = 0
    for i, line in enumerate(metrics["confusion"]):
        for j, count in enumerate(line):
            links = page.all("a", href=f"#cell-{i}-{j}")
            assert len(links) == (count > 0) and len(page.all("section", id=f"cell-{i}-{j}")) == (count > 0)
            wrong += count if i != j else 0
    assert wrong and "taken for" in page.text
    shown = {found["href"] for found in page.all("use")}
    assert shown and shown == {"#" + found["id"] for found in page.all("image")}
    assert all(found["href"].startswith("data:image/jpeg;base64,/9j/") for found in page.all("image"))
    assert "sprout" in page.text and '"seed":0' in page.text


def test_page_needs_nothing_else_and_runs_nothing(topwork, tmp_path):
    topwork("train", photos_that_err(tmp_path / "photos"), "-o", tmp_path / "run", *TRAIN)
    page = Page(tmp_path / "run" / "report.html")
    policy = page.all("meta", **{"http-equiv": "Content-Security-Policy"})[0]["content"]
    assert "default-src 'none'" in policy and "unsafe" not in policy and "script-src" not in policy
    assert not page.all("script") and not page.all("link") and not page.all("iframe")
    for tag, found in page.elements:
        assert not any(key.startswith("on") or key == "style" for key in found), (tag, found)
        for key in ("href", "src"):
            assert re.match(r"#|data:image/jpeg;base64,", found.get(key) or "#"), (tag, found)
    assert not re.search(r"url\(|@import|https?://", page.source)
    assert (tmp_path / "run" / "report.html").stat().st_size < 4_000_000


def test_page_is_ordered_for_ears_and_keys(topwork, tmp_path):
    topwork("train", photos_that_err(tmp_path / "photos"), "-o", tmp_path / "run", *TRAIN)
    page = Page(tmp_path / "run" / "report.html")
    assert page.all("html")[0]["lang"] == "en" and page.all("title") and len(page.all("h1")) == 1
    for landmark in ("header", "nav", "main"):
        assert len(page.all(landmark)) == 1
    levels = [int(tag[1]) for tag, _ in page.elements if re.fullmatch("h[1-6]", tag)]
    assert levels[0] == 1 and all(later <= earlier + 1 for earlier, later in zip(levels, levels[1:]))
    identities = [found["id"] for _, found in page.elements if "id" in found]
    assert len(identities) == len(set(identities))
    for link in page.all("a"):
        assert link["href"][1:] in identities
    assert all(found.get("aria-label") for found in page.all("svg") if found.get("role") == "img")
    assert all(found.get("scope") in ("row", "col") for found in page.all("th"))


def test_hostile_names_are_only_text(sanitized, tmp_path):
    folder = tmp_path / "photos"
    rows = []
    for number, label in enumerate(HOSTILE[:3]):
        for i in range(12):
            shown = list(made.COLOURS)[1 if number == 0 and i % 3 == 0 else number % 3]
            name = f"{i}{HOSTILE[(number + i) % len(HOSTILE)].replace('/', '_')}.jpg"
            made.photo(folder / str(number) / name, made.COLOURS[shown], f"{number}/{i}").replace(folder / str(number) / name)
            rows.append((f"{number}/{name}", label))
    quoted = lambda cell: '"' + cell.replace('"', '""') + '"'
    (folder / "list.csv").write_text("".join(f"{quoted(uri)},{quoted(label)}\n" for uri, label in [*rows, ("<b>missing</b>.jpg", HOSTILE[0])]))
    sanitized("train", folder / "list.csv", "-o", tmp_path / "run <i>", *TRAIN, code=3)
    page = Page(tmp_path / "run <i>" / "report.html")
    kinds = {tag for tag, _ in page.elements}
    assert not kinds & {"script", "img", "b", "i"} and len(page.all("style")) == 1
    for _, found in page.elements:
        assert not any(key.startswith("on") or key == "autofocus" for key in found)
    for label in HOSTILE[:3]:
        assert label in page.text
    assert "<b>missing</b>.jpg" in page.text and "run <i>" in page.text


def commands(page):
    found = re.findall(r"<pre[^>]*><code>(.*?)</code>", page.source, re.S)
    return [shlex.split(html.unescape(command)) for command in found]


@pytest.mark.parametrize("name", ["run", "it's a run; echo $HOME"])
def test_its_commands_work(topwork, tmp_path, name):
    topwork("train", photos_that_err(tmp_path / "my photos"), "-o", tmp_path / name, *TRAIN)
    found = commands(Page(tmp_path / name / "report.html"))
    assert [command[:2] for command in found if command[0] == "topwork"] == [["topwork", "predict"], ["topwork", "evaluate"], ["topwork", "logs"]]
    for command in found:
        if command[0] == "topwork":
            assert topwork(*command[1:]).stdout
    assert found[-1][:2] == ["tensorboard", "--logdir"] and list((tmp_path / name).joinpath(found[-1][2]).glob("*"))


def test_records_and_runs_without_evaluation_have_a_page_too(topwork, tmp_path):
    shard = made.write_records(tmp_path / "a.tfrecord.gz", [made.example(*row) for row in made.clusters(60)])
    topwork("train", shard, "-o", tmp_path / "run", *TRAIN)
    page = Page(tmp_path / "run" / "report.html")
    assert "examples that it never saw" in page.text and not page.all("image") and not page.all("section", id="audit")
    for command in commands(page):
        if command[0] == "topwork":
            assert topwork(*command[1:]).stdout
    topwork("train", shard, "-o", tmp_path / "blind", "--eval-share", 0, "--steps", 20, "-q")
    page = Page(tmp_path / "blind" / "report.html")
    assert "is not known" in page.text and not page.all("section", id="confusion")


def test_many_classes_show_the_worst_pairs(topwork, tmp_path):
    source = made.clusters(400, width=4, classes=50)
    shard = made.write_records(tmp_path / "a.tfrecord.gz", [made.example(*row) for row in source])
    topwork("train", shard, "-o", tmp_path / "run", *TRAIN)
    page = Page(tmp_path / "run" / "report.html")
    assert not page.all("table", **{"class": "matrix"}) and "with 50 classes" in page.text
    for link in page.all("a"):
        assert page.all("section", id=link["href"][1:]) or link["href"] == "#main"


def test_equal_runs_give_equal_pages(topwork, tmp_path):
    folder = photos_that_err(tmp_path / "photos")
    pages = []
    for place in ("a", "b"):
        topwork("train", folder, "-o", tmp_path / place / "run", *TRAIN, "--threads", 1 if place == "a" else 3)
        pages.append((tmp_path / place / "run" / "report.html").read_text().replace(str(tmp_path / place), ""))
    assert pages[0] == pages[1]
