"""report.html: one file that says what the run's other files say, whatever photos and labels are called."""
import html
import html.parser
import json
import re
import shlex
import subprocess
import urllib.request

import made
import pytest

VOID = {"meta", "image", "use", "line", "rect", "polyline", "circle", "br"}
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


def serves(topwork, command):
    """Whether it answers at the address that it names, on a free port."""
    process = topwork.start(*command, "--listen", "127.0.0.1:0", stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        address = re.search(r"http://[\d.]+:\d+", process.stdout.readline())[0]
        return urllib.request.urlopen(address + "/metrics", timeout=60).status == 200
    finally:
        process.terminate()
        process.communicate(timeout=60)


@pytest.mark.parametrize("name", ["run", "it's a run; echo $HOME"])
def test_its_commands_work(topwork, tmp_path, name):
    topwork("train", photos_that_err(tmp_path / "my photos"), "-o", tmp_path / name, *TRAIN)
    found = commands(Page(tmp_path / name / "report.html"))
    assert [command[:2] for command in found if command[0] == "topwork"] == [["topwork", each] for each in ("predict", "explain", "serve", "evaluate", "logs")]
    for command in found:
        if command[:2] == ["topwork", "serve"]:
            assert serves(topwork, command[1:])
        elif command[0] == "topwork":
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


AUTO = ("--eval-share", 0.3, "-q")


def section(page, identity):
    """The text between a section's start and the next one's."""
    start = page.source.index(f'<section id="{identity}"')
    return html.unescape(re.sub("<[^>]*>", "", page.source[start : page.source.index("</section>", start)]))


@pytest.fixture
def tried(topwork, tmp_path):
    """A run of `auto` on photos of which some are labelled wrongly, and its metrics."""
    folder = photos_that_err(tmp_path / "photos", per_class=40)
    (folder / "red" / "copy.jpg").write_bytes((folder / "red" / "03.jpg").read_bytes())
    (folder / "green" / "00.jpg").write_bytes((folder / "red" / "05.jpg").read_bytes())
    topwork("train", folder, "-o", tmp_path / "run", *AUTO, code=3)
    return Page(tmp_path / "run" / "report.html"), json.loads((tmp_path / "run" / "metrics.json").read_text())


def test_labels_that_are_wrong_are_suspected_with_their_photos(tried):
    page, _ = tried
    text = section(page, "suspects")
    planted = {f"{i:02}.jpg" for i in range(0, 40, 4)}  # red photos under blue
    named = set(re.findall(r"labelled blue, \d+ %looks like red", text))
    assert named and any(name in text for name in planted)
    assert re.search(r"topwork check \S+ --suspects -o \S+-checked", text)
    start = page.source.index('<section id="suspects"')
    assert page.source.index("<use href", start) < page.source.index("</section>", start)


def test_photos_that_stand_there_twice_are_named(tried):
    page, _ = tried
    text = section(page, "doubles")
    assert "3 photos stand in the input more than once" in text and "2 of them under different labels" in text
    assert all(name in text for name in ("copy.jpg", "05.jpg", "00.jpg"))


def test_what_was_tried_and_taken_is_listed(tried):
    page, metrics = tried
    text = section(page, "choice")
    recipe = metrics["recipe"]
    assert f"All {len(recipe['candidates'])} that were tried" in text
    assert text.count("(taken)") == len(recipe["chosen"]) and f"{recipe['log_loss']:.4f}" in text
    for candidate in recipe["candidates"]:
        assert f"{candidate['log_loss']:.4f}" in text and candidate["head"] in text


def test_the_learning_curve_and_the_calibration_are_the_metrics(tried):
    page, metrics = tried
    curve, calibration = metrics["learning_curve"], metrics["calibration"]
    text = section(page, "more")
    low, high = curve["interval"]
    assert f"{100 * curve['gain_of_twice_as_many']:.1f} points of accuracy (95 %: {100 * low:.1f} to {100 * high:.1f})" in text
    assert all(f"{point['examples']}{point['draws']} times{100 * point['accuracy']:.1f} %" in text for point in curve["points"])
    text = section(page, "calibration")
    for side in ("held_out", "evaluation"):
        before, after = calibration[side]["before"], calibration[side]["after"]
        assert f"{100 * before['calibration_error']:.1f} points{100 * after['calibration_error']:.1f} points{before['log_loss']:.4f}{after['log_loss']:.4f}" in text
    assert abs(calibration["evaluation"]["after"]["calibration_error"] - metrics["calibration_error"]) < 1e-6
    assert abs(calibration["evaluation"]["after"]["log_loss"] - metrics["log_loss"]) < 1e-6
    assert calibration["held_out"]["after"]["log_loss"] <= calibration["held_out"]["before"]["log_loss"]
    assert sum(count for count, _, _ in calibration["evaluation"]["after"]["bins"]) == metrics["count"]


def test_no_curve_is_drawn_where_none_is_wanted_and_the_model_stays_the_same(topwork, tmp_path):
    folder = photos_that_err(tmp_path / "photos", per_class=20)
    topwork("train", folder, "-o", tmp_path / "with", *AUTO)
    topwork("train", folder, "-o", tmp_path / "without", *AUTO, "--learning-curve", "never")
    assert json.loads((tmp_path / "without" / "metrics.json").read_text())["learning_curve"] is None
    assert 'id="more"' not in (tmp_path / "without" / "report.html").read_text()
    assert (tmp_path / "with" / "model.onnx").read_bytes() == (tmp_path / "without" / "model.onnx").read_bytes()


def test_any_number_of_threads_gives_the_same_curve_and_calibration(topwork, tmp_path):
    folder = photos_that_err(tmp_path / "photos", per_class=20)
    for threads in (1, 3):
        topwork("train", folder, "-o", tmp_path / f"run{threads}", *AUTO, "--threads", threads)
    assert (tmp_path / "run1" / "metrics.json").read_bytes() == (tmp_path / "run3" / "metrics.json").read_bytes()
