"""report.html in a real Chromium: what it shows, on a desk and on a phone, in light and dark, by keyboard, on paper; and what axe-core,
the accessibility checker, says of it."""
import base64
import io
import os
import pathlib
import shutil
import subprocess

import axe_core_python
import numpy as np
import pytest
from PIL import Image
from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from test_tensorboard import photos

AXE = next(pathlib.Path(axe_core_python.__file__).parent.rglob("axe.min.js"))


@pytest.fixture(scope="module", params=["workshop", "auto"])
def page(tmp_path_factory, request):
    root = tmp_path_factory.mktemp("report")
    folder = photos(root / "photos")
    (folder / "blue" / "broken.jpg").write_bytes(b"no photo")
    command = [os.environ["TOPWORK"], "train", str(folder), "-o", str(root / "run"), "--eval-share", "0.4", "-q", "--allow-skips", "--recipe", request.param]
    command += ["--steps", "300", "--hidden", "32"] if request.param == "workshop" else []
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env={**os.environ, "XDG_CACHE_HOME": str(root / "cache")})
    return (root / "run" / "report.html").as_uri()


@pytest.fixture(scope="module")
def chromium():
    if not shutil.which("chromium") or not shutil.which("chromedriver"):
        pytest.skip("there is no chromium with its chromedriver")
    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium")
    for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(service=Service(shutil.which("chromedriver")), options=options)
    yield driver
    driver.quit()


def show(chromium, address, width=1280, scheme="light"):
    chromium.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", dict(width=width, height=900, deviceScaleFactor=1, mobile=width < 600))
    chromium.execute_cdp_cmd("Emulation.setEmulatedMedia", dict(media="screen", features=[dict(name="prefers-color-scheme", value=scheme)]))
    chromium.get("about:blank")
    chromium.get(address)


def test_it_loads_nothing_and_says_nothing_wrong(chromium, page):
    show(chromium, page)
    assert "report" in chromium.title
    assert not [entry for entry in chromium.get_log("browser") if entry["level"] in ("SEVERE", "WARNING")]
    asked = [entry["message"] for entry in chromium.get_log("performance") if '"Network.requestWillBeSent"' in entry["message"]]
    assert not [message for message in asked if '"url":"http' in message]


def test_photos_are_drawn(chromium, page):
    show(chromium, page)
    tile = chromium.find_element(By.CSS_SELECTOR, "#gallery .photo svg")
    drawn = chromium.execute_script("const b = arguments[0].querySelector('use').getBBox(); return [b.width, b.height]", tile)
    assert drawn == [96, 96]
    box = chromium.execute_script("const b = arguments[0].getBoundingClientRect(); return {x: b.x + scrollX, y: b.y + scrollY, width: b.width, height: b.height, scale: 1}", tile)
    shot = chromium.execute_cdp_cmd("Page.captureScreenshot", {"clip": box, "captureBeyondViewport": True})["data"]
    assert np.asarray(Image.open(io.BytesIO(base64.b64decode(shot))).convert("L")).std() > 5  # an empty tile is of one colour


def test_a_cell_of_the_matrix_opens_its_photos_by_keyboard(chromium, page):
    show(chromium, page)
    link = chromium.find_element(By.CSS_SELECTOR, ".matrix .miss a")
    cell = chromium.find_element(By.ID, link.get_attribute("href").split("#")[1])
    assert not cell.is_displayed()
    chromium.execute_script("arguments[0].focus()", link)
    assert chromium.execute_script("return getComputedStyle(document.activeElement).outlineStyle") != "none"
    link.send_keys(Keys.ENTER)
    assert cell.is_displayed() and len(cell.find_elements(By.CSS_SELECTOR, ".photo")) == int(link.text)
    assert chromium.execute_script("return document.activeElement.id") == cell.get_attribute("id")
    chromium.switch_to.active_element.send_keys(Keys.TAB)
    assert chromium.switch_to.active_element.text == "Back to the matrix"


def test_the_first_tab_leads_past_the_navigation(chromium, page):
    show(chromium, page)
    chromium.find_element(By.TAG_NAME, "body").send_keys(Keys.TAB)
    assert chromium.switch_to.active_element.get_attribute("href").endswith("#main")


@pytest.mark.parametrize("width", [1280, 400])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_and_axe_finds_no_fault(chromium, page, width, scheme):
    show(chromium, page, width, scheme)
    chromium.execute_script("document.querySelectorAll('details').forEach(each => each.open = true)")
    assert chromium.execute_script("return document.documentElement.scrollWidth <= window.innerWidth && window.innerWidth") == width
    back = chromium.execute_script("return getComputedStyle(document.body).backgroundColor")
    assert (back == "rgb(255, 255, 255)") == (scheme == "light")
    chromium.execute_script(AXE.read_text())
    found = chromium.execute_async_script("const done = arguments[0]; axe.run(document).then(done, error => done({failed: String(error)}))")
    assert "failed" not in found, found
    assert len(found["passes"]) > 20
    faults = [(fault["id"], [node["html"] for node in fault["nodes"]][:3]) for fault in found["violations"]]
    assert not faults


def test_it_prints(chromium, page):
    show(chromium, page)
    pdf = base64.b64decode(chromium.execute_cdp_cmd("Page.printToPDF", {"printBackground": False})["data"])
    assert pdf[:5] == b"%PDF-" and pdf.count(b"/Type /Page\n") + pdf.count(b"/Type /Page ") >= 2
    chromium.execute_cdp_cmd("Emulation.setEmulatedMedia", dict(media="print"))
    assert not chromium.find_element(By.TAG_NAME, "nav").is_displayed()
    assert chromium.find_element(By.CSS_SELECTOR, "#gallery .photo").is_displayed()
