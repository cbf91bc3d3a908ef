"""The pictures of README.md and docs/, taken in Chromium from what the program prints and shows: see tools/pictures."""
import html
import io
import os
import pathlib
import re
import signal
import subprocess
import tempfile

from PIL import Image
from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

ROOT = pathlib.Path(__file__).resolve().parent.parent
PICTURES = ROOT / "docs" / "pictures"
TERMINAL = """<!DOCTYPE html><meta charset="utf-8"><style>
body {{ margin: 0; background: #fff }}
pre {{ margin: 0; padding: 18px 22px; background: #1b1f27; color: #dfe3ea; font: 14px/1.38 "DejaVu Sans Mono", monospace; display: inline-block }}
b {{ color: #fff }} i {{ color: #8ab4f8; font-style: normal }}
</style><pre>{}</pre>"""


def open_chromium():
    options = webdriver.ChromeOptions()
    options.binary_location = "/usr/bin/chromium"
    for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--disable-dev-shm-usage"):
        options.add_argument(argument)
    return webdriver.Chrome(service=Service("/usr/bin/chromedriver"), options=options)


def show(chromium, url, width, height):
    chromium.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", dict(width=width, height=height, deviceScaleFactor=1, mobile=False))
    chromium.get(url)


def save(chromium, name, box=None):
    """As few colours as do: these files stand in the repository."""
    picture = Image.open(io.BytesIO(chromium.get_screenshot_as_png())).convert("RGB")
    if box:
        picture = picture.crop(box)
    picture.quantize(96, Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE).save(PICTURES / name, optimize=True)


def terminal(chromium, scratch, text):
    page = scratch / "terminal.html"
    rows = [re.sub(r"^\$ .*", r"<b>\g<0></b>", html.escape(row)) for row in text.strip("\n").split("\n")]
    page.write_text(TERMINAL.format("\n".join(re.sub(r"(pretty sure|somewhat|I do not know this)$", r"<i>\1</i>", row) for row in rows)))
    show(chromium, page.as_uri(), 1400, 1400)
    size = chromium.find_element(By.TAG_NAME, "pre").size
    save(chromium, "terminal.png", (0, 0, int(size["width"]), int(size["height"])))


def page(chromium, run, photos):
    """The page with three photos answered."""
    server = subprocess.Popen([ROOT / "build" / "topwork", "serve", run, "--listen", "127.0.0.1:0"], stdout=subprocess.PIPE, text=True)
    try:
        show(chromium, re.search(r"http://\S+", server.stdout.readline())[0], 1280, 900)
        until = WebDriverWait(chromium, 30).until
        until(lambda _: chromium.find_element(By.ID, "drop").is_displayed())
        chromium.find_element(By.ID, "files").send_keys("\n".join(map(str, photos)))
        until(lambda _: sum(bool(card.find_elements(By.CSS_SELECTOR, ".scores li")) for card in chromium.find_elements(By.CSS_SELECTOR, "article.card")) >= len(photos))
        save(chromium, "page.png")
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait(30)


def main():
    PICTURES.mkdir(exist_ok=True)
    demo = subprocess.run([ROOT / "tools" / "demo"], check=True, capture_output=True, text=True, cwd=ROOT)
    run = ROOT / "build" / "demo" / "run"
    commands = demo.stdout[demo.stdout.index("$ "):demo.stdout.index("\nNext")]
    chromium = open_chromium()
    try:
        with tempfile.TemporaryDirectory() as scratch:
            terminal(chromium, pathlib.Path(scratch), commands)
        show(chromium, (run / "report.html").as_uri(), 1000, 1180)
        save(chromium, "report.png")
        page(chromium, run, sorted((ROOT / "examples" / "hugs" / "new").glob("*.jpg"))[:3])
    finally:
        chromium.quit()


if __name__ == "__main__":
    main()
