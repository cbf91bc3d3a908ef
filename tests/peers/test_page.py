"""The page of `topwork serve` in a real Chromium: photos chosen, dropped and pasted, errors, corrections, the camera, tokens, other models,
no JavaScript; on a desk and on a phone, and what axe-core says of it."""
import base64
import csv
import hashlib
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import time

import axe_core_python
import pytest
from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import Select, WebDriverWait

from test_tensorboard import photos

AXE = next(pathlib.Path(axe_core_python.__file__).parent.rglob("axe.min.js"))


def run(*command, cache):
    subprocess.run([os.environ["TOPWORK"], *map(str, command)], check=True, stdout=subprocess.DEVNULL, env={**os.environ, "XDG_CACHE_HOME": str(cache)})


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Photos, and a store of two models of them."""
    root = tmp_path_factory.mktemp("page")
    folder = photos(root / "photos")
    run("train", folder, "-o", root / "run", "-q", cache=root / "cache")
    for name in ("cars", "vans"):
        run("models", "create", root / "store", name, cache=root / "cache")
        run("models", "add-version", root / "store", name, root / "run", "--name", "v1", cache=root / "cache")
    run("models", "add-version", root / "store", "vans", root / "run", cache=root / "cache")
    return root


def serve(*arguments):
    process = subprocess.Popen([os.environ["TOPWORK"], "serve", *map(str, arguments), "--listen", "127.0.0.1:0"], stdout=subprocess.PIPE, text=True)
    return process, re.search(r"http://\S+", process.stdout.readline())[0]


@pytest.fixture(scope="module")
def address(made):
    process, url = serve(made / "store")
    yield url
    process.send_signal(signal.SIGTERM)
    assert process.wait(60) == 0


@pytest.fixture(scope="module")
def chromium():
    if not shutil.which("chromium") or not shutil.which("chromedriver"):
        pytest.skip("there is no chromium with its chromedriver")
    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium")
    for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--use-fake-device-for-media-stream",
                     "--use-fake-ui-for-media-stream"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(service=Service(shutil.which("chromedriver")), options=options)
    yield driver
    driver.quit()


def until(chromium, condition):
    return WebDriverWait(chromium, 30).until(lambda _: condition())


def show(chromium, address, width=1280, scheme="light"):
    chromium.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", dict(width=width, height=900, deviceScaleFactor=1, mobile=width < 600))
    chromium.execute_cdp_cmd("Emulation.setEmulatedMedia", dict(media="screen", features=[dict(name="prefers-color-scheme", value=scheme)]))
    chromium.get("about:blank")
    chromium.get(address)
    until(chromium, lambda: chromium.find_element(By.ID, "drop").is_displayed())


def cards(chromium, count):
    """The answered cards, once there are `count` of them."""
    until(chromium, lambda: chromium.find_element(By.ID, "state").text == f"{count} answered.")
    return chromium.find_elements(By.CSS_SELECTOR, ".card")


def choose(chromium, *paths):
    chromium.find_element(By.ID, "files").send_keys("\n".join(map(str, paths)))


def some(made, count=2):
    return sorted((made / "photos").rglob("*.jpg"))[:count]


def test_several_chosen_photos_are_answered(chromium, address, made):
    show(chromium, address)
    chromium.get_log("performance")
    choose(chromium, *some(made, 3))
    answers = cards(chromium, 3)
    for card in answers:
        label = card.find_element(By.CSS_SELECTOR, ".scores .name").text
        assert card.find_element(By.CSS_SELECTOR, ".verdict").text.startswith(label) or "do not know" in card.text
        assert re.fullmatch(r"\d+\.\d %", card.find_element(By.CSS_SELECTOR, ".scores .value").text)
        assert card.find_element(By.CSS_SELECTOR, ".nearest").is_displayed()
    assert {card.find_element(By.TAG_NAME, "h3").text for card in answers} == {path.name for path in some(made, 3)}
    assert not [entry for entry in chromium.get_log("browser") if entry["level"] in ("SEVERE", "WARNING")]
    asked = [re.search(r'"url":"(http[^"]*)"', entry["message"]) for entry in chromium.get_log("performance") if '"Network.requestWillBeSent"' in entry["message"]]
    assert {url[1][:len(address)] for url in asked if url} == {address}


def test_dropped_and_pasted_photos_are_answered(chromium, address, made):
    show(chromium, address)
    content = base64.b64encode(some(made)[0].read_bytes()).decode()
    for kind, number in (("drop", 1), ("paste", 2)):
        chromium.execute_script("""
            const bytes = Uint8Array.from(atob(arguments[0]), (c) => c.charCodeAt(0));
            const data = new DataTransfer();
            data.items.add(new File([bytes], 'given.jpg', { type: 'image/jpeg' }));
            document.dispatchEvent(arguments[1] === 'drop' ? new DragEvent('drop', { dataTransfer: data, bubbles: true, cancelable: true })
                                                           : new ClipboardEvent('paste', { clipboardData: data, bubbles: true }));""", content, kind)
        assert "%" in cards(chromium, number)[0].find_element(By.CSS_SELECTOR, ".scores").text


def test_what_is_no_photo_gets_the_servers_sentence(chromium, address, made, tmp_path):
    (tmp_path / "<b>no&photo.jpg").write_text("text")
    show(chromium, address)
    choose(chromium, tmp_path / "<b>no&photo.jpg")
    card, = cards(chromium, 1)
    assert "this is text, not a photo" in card.text and "<b>no&photo.jpg" in card.text


def test_correction_lies_in_the_store_and_training_reads_it(chromium, address, made):
    photo = some(made)[0]
    show(chromium, address)
    choose(chromium, photo)
    card, = cards(chromium, 1)
    card.find_element(By.CSS_SELECTOR, ".wrong summary").click()
    field = card.find_element(By.NAME, "label")
    field.send_keys("lorry", Keys.ENTER)
    until(chromium, lambda: "Kept: it is lorry" in card.text)
    folder = made / "store" / "cars" / "corrections"
    row, = csv.DictReader((folder / "corrections.csv").open())
    assert (row["uri"], row["new_label"]) == (hashlib.sha256(photo.read_bytes()).hexdigest() + ".jpg", "lorry")
    assert (folder / row["uri"]).read_bytes() == photo.read_bytes()
    command = [os.environ["TOPWORK"], "train", str(made / "photos"), "-o", str(made / "corrected"), "--corrections", str(folder / "corrections.csv"), "--allow-skips"]
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "XDG_CACHE_HOME": str(made / "cache")})
    assert done.returncode == 0, done.stderr
    assert "lorry" in (made / "corrected" / "labels.txt").read_text()
    audit = {row["uri"]: row for row in csv.DictReader((made / "corrected" / "audit.csv").open())}
    assert "the corrections say that this photo is lorry" in next(row["reason"] for uri, row in audit.items() if uri.endswith(photo.name))


def test_model_and_version_are_switched(chromium, address, made):
    show(chromium, address)
    Select(chromium.find_element(By.ID, "model")).select_by_visible_text("vans")
    version = Select(chromium.find_element(By.ID, "version"))
    assert [option.text for option in version.options] == ["1 (v1, default)", "2"]
    version.select_by_visible_text("2")
    choose(chromium, some(made)[0])
    card, = cards(chromium, 1)
    assert "/predict/vans/2" in card.find_element(By.CSS_SELECTOR, ".curl").get_attribute("textContent")


def test_shown_commands_work(chromium, address, made):
    photo = some(made)[0]
    show(chromium, address)
    choose(chromium, photo)
    card, = cards(chromium, 1)
    label = card.find_element(By.CSS_SELECTOR, ".scores .name").text
    curl = card.find_element(By.CSS_SELECTOR, ".curl").get_attribute("textContent")
    assert f'"prediction":"{label}"' in subprocess.run(["sh", "-c", curl], cwd=photo.parent, capture_output=True, text=True, check=True).stdout
    python = card.find_element(By.CSS_SELECTOR, ".python").get_attribute("textContent")
    (made / "ask.py").write_text(python)
    assert subprocess.run([sys.executable, made / "ask.py"], cwd=photo.parent, capture_output=True, text=True, check=True).stdout.strip() == label


def test_camera_answers_all_the_time_and_takes_photos(chromium, address):
    show(chromium, address)
    chromium.find_element(By.ID, "camera-button").click()
    until(chromium, lambda: chromium.find_element(By.ID, "shoot").is_displayed())
    chromium.find_element(By.ID, "live").click()
    until(chromium, lambda: chromium.find_element(By.ID, "live-answer").text)
    chromium.find_element(By.ID, "shoot").click()
    assert "camera" in cards(chromium, 1)[0].text
    chromium.find_element(By.ID, "camera-end").click()
    assert not chromium.find_element(By.ID, "camera").is_displayed()


def test_token_is_asked_for_once(chromium, made):
    (made / "tokens").write_text(hashlib.sha256(b"secret").hexdigest() + "\n")
    process, url = serve(made / "store", "--tokens", made / "tokens")
    try:
        chromium.get(url)
        form = chromium.find_element(By.ID, "token-form")
        until(chromium, form.is_displayed)
        chromium.find_element(By.ID, "token").send_keys("secret", Keys.ENTER)
        until(chromium, lambda: chromium.find_element(By.ID, "drop").is_displayed() and not form.is_displayed())
        choose(chromium, some(made)[0])
        assert "%" in cards(chromium, 1)[0].text
    finally:
        chromium.execute_script("sessionStorage.clear()")
        process.send_signal(signal.SIGTERM)
        process.wait(60)


def test_without_javascript_a_form_is_left(chromium, address):
    chromium.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    try:
        chromium.get(address)
        assert "needs JavaScript" in chromium.find_element(By.CSS_SELECTOR, "noscript").text
        assert chromium.find_element(By.CSS_SELECTOR, "noscript form input[type=file]").is_displayed()
    finally:
        chromium.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})


@pytest.mark.parametrize("width, scheme", [(1280, "light"), (1280, "dark"), (360, "light"), (360, "dark")])
def test_axe_finds_nothing_and_nothing_overflows(chromium, address, made, tmp_path, width, scheme):
    (tmp_path / "no photo").write_text("text")
    show(chromium, address, width, scheme)
    choose(chromium, *some(made), tmp_path / "no photo")
    cards(chromium, 3)
    chromium.execute_script("for (const part of document.querySelectorAll('details')) part.open = true;")
    time.sleep(0.5)
    assert chromium.execute_script("return document.documentElement.scrollWidth") <= width
    chromium.execute_script(AXE.read_text())
    found = chromium.execute_async_script("axe.run({resultTypes: ['violations']}).then(arguments[0])")["violations"]
    assert not [(one["id"], [node["html"][:200] for node in one["nodes"]]) for one in found]


def test_whole_way_goes_by_keyboard(chromium, address):
    show(chromium, address)
    reached = []
    for _ in range(8):
        ActionChains(chromium).send_keys(Keys.TAB).perform()
        reached.append(chromium.switch_to.active_element.get_attribute("id"))
        assert chromium.execute_script("const s = getComputedStyle(document.activeElement); return s.outlineStyle !== 'none' || document.activeElement.id === 'files' || document.activeElement === document.body")
    assert {"model", "version", "files", "camera-button"} <= set(reached)
