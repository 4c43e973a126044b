"""The page in a browser: drawn on, looked into, trained in, read with; in both languages."""

from __future__ import annotations

import json
import re
import subprocess
import sys

import matplotlib
import numpy as np
import pytest

import blobs
import byhand
import support
from app import pictures
from app.browser import answer, chromium, draw, opened, strokes_of
from byhand import nn
from byhand.app.routes import STATIC
from byhand.data import open_data

pytestmark = pytest.mark.slow

TABS = ("draw", "look", "back", "train", "page", "runs")
SEVEN = [[(0.35, 0.2), (0.75, 0.2), (0.6, 0.5), (0.5, 0.85)]]
ONE = [[(1.2, 0.15), (1.2, 0.85)]]


@pytest.fixture(scope="module")
def browser():
    support.require_chromium()
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = chromium(playwright)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    return tmp_path_factory.mktemp("browser")


@pytest.fixture(scope="module")
def address(runs):
    """The server as people start it."""
    data = blobs.write_idx(runs / "data", 400, 40, size=28)
    command = [sys.executable, "-m", "byhand", "serve", "--port", "0", "--data", str(data),
               "--no-browser", "--runs", str(runs / "runs")]  # fmt: skip
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        line = server.stdout.readline()
        yield re.search(r"http://127\.0\.0\.1:\d+/", line)[0]
        server.terminate()
        assert server.wait(30) in (0, -15)


@pytest.fixture
def visit(browser, address):
    def open_page(**context):
        return opened(browser, address, **context)

    return open_page


def test_digits_of_mnist_drawn_with_the_mouse_are_read(visit):
    test = open_data(support.require_data()).test
    first = [test.images[list(test.labels).index(digit), 0] for digit in range(10)]
    with visit() as watched:
        page = watched.open()
        for digit, image in enumerate(first):
            draw(page, strokes_of(image))
            answer(page, str(digit))
            assert page.locator(".bar.chosen .name").text_content() == str(digit)
            page.locator("#clear").click()
            answer(page, "–")


def test_several_digits_are_a_number_and_undo_and_the_eraser_take_back(visit):
    with visit() as watched:
        page = watched.open()
        draw(page, SEVEN + ONE)
        answer(page, "71")
        assert page.locator(".digits button").count() == 2
        page.locator(".digits button").nth(1).click()
        assert page.locator(".bar.chosen .name").text_content() == "1"
        page.get_by_role("button", name="Undo").click()
        answer(page, "7")
        page.get_by_role("button", name="Eraser").click()
        draw(page, [[(0.3, y), (0.8, y)] for y in (0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.85)])
        answer(page, "–")
        page.get_by_role("button", name="Eraser").click()
        draw(page, [[(0.2, y), (1.4, y)] for y in (0.2, 0.35, 0.5, 0.65, 0.8)])
        answer(page, "no digit here")


def test_a_finger_draws(visit):
    with visit(has_touch=True, viewport={"width": 390, "height": 800}) as watched:
        page = watched.open()
        box = page.locator(".sheet canvas").bounding_box()
        session = page.context.new_cdp_session(page)

        def touch(kind, *places):
            points = [
                {"x": box["x"] + x * box["height"], "y": box["y"] + y * box["height"]}
                for x, y in places
            ]
            session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

        touch("touchStart", SEVEN[0][0])
        for a, b in zip(SEVEN[0], SEVEN[0][1:], strict=False):
            for k in range(1, 6):
                touch("touchMove", tuple(p + (q - p) * k / 5 for p, q in zip(a, b, strict=True)))
        touch("touchEnd")
        answer(page, "7")


def test_a_drawing_is_looked_into_with_its_arithmetic(visit):
    with visit() as watched:
        page = watched.open()
        draw(page, SEVEN)
        answer(page, "7")
        page.locator("#draw").get_by_role("button", name="Look inside").click()
        page.wait_for_selector("#look .layer >> nth=5")
        assert page.locator("#look select").input_value() == "lenet5"
        page.locator("#look .layer").nth(1).locator("canvas.pixels").last.hover(
            position={"x": 60, "y": 60}
        )
        text = page.locator("#look aside .result").text_content()
        numbers = [float(n) for n in re.findall(r"-?\d+\.\d+", text)]
        assert sum(numbers[:-1]) == pytest.approx(numbers[-1], abs=1e-9 if " = " in text else 0.003)
        assert page.evaluate(
            """async () => {
                 const { equation } = await import("/js/explain.js");
                 return [equation([0.0004, 0.0004], 0.0008), equation([1 / 3, 1 / 3], 0.7)];
               }"""
        ) == ["0.0004 + 0.0004 = 0.0008", "0.333 + 0.333 ≈ 0.700"]
        assert page.locator("#look .frame").count() == 2
        page.locator("#look .layer").nth(3).locator("canvas.pixels").last.hover()
        assert page.locator("#look aside td.won").count() == 1
        # All maps of a layer are one Tab stop, and the arrow keys go through them.
        maps = page.locator("#look .layer").nth(1).locator("canvas[role=application]")
        assert maps.count() == 6
        assert page.locator("#look .layer").nth(1).locator("canvas[tabindex='0']").count() == 1
        maps.first.focus()
        for _ in range(12):
            page.keyboard.press("ArrowRight")
        assert "Channel 1, row 12, column 0" in page.locator("#look aside").text_content()
        page.get_by_role("button", name="Show the arithmetic").click()
        assert "exp" in page.locator("#look aside").text_content()
        for model in ("one_conv", "two_conv", "tiny", "deep_convnet", "reader"):
            with page.expect_response("**/api/trace"):
                page.locator("#look select").select_option(model)
            page.wait_for_selector("#look .layer >> nth=5")


def test_a_step_backwards_lowers_the_loss(visit):
    with visit() as watched:
        page = watched.open("back")
        page.wait_for_selector("#back .layer >> nth=5")
        with page.expect_response("**/api/attention"):
            page.locator("#label").select_option("8")
        page.get_by_text("p(8) =").wait_for()
        page.get_by_role("button", name="Take the step").click()
        losses = page.get_by_text(re.compile(r"^loss \d"))
        losses.nth(1).wait_for()
        before, after = (float(losses.nth(k).text_content().split()[1]) for k in (0, 1))
        assert after < before
        assert page.locator("#back .maps figure").count() > 5


def test_a_training_is_watched_to_its_end_and_used(visit):
    with visit() as watched:
        page = watched.open("train")
        page.locator("#train select").first.select_option("one_conv")
        page.locator("#train details summary").first.click()
        page.locator("#train input").nth(0).fill("3")
        page.get_by_role("button", name="Start").click()
        use = page.get_by_role("button", name="Use it on the other tabs")
        use.wait_for(timeout=60_000)
        assert page.locator("#train svg path, #train svg polyline").count() >= 2
        # Closed and opened again, it shows the same.
        page.reload()
        use.wait_for()
        use.click()
        page.wait_for_selector("#look .layer >> nth=3")
        assert page.locator("#look select").input_value().startswith("runs/one_conv")
        watched.open("runs")
        page.get_by_role("link", name=re.compile("report", re.I)).first.wait_for()


def test_a_photograph_is_read(visit, tmp_path):
    (tmp_path / "page.png").write_bytes(pictures.png(pictures.drawn(2, 0, 8, gap=30)))
    with visit() as watched:
        page = watched.open("page")
        page.locator("#page input[type=file]").first.set_input_files(str(tmp_path / "page.png"))
        page.get_by_text("208", exact=True).first.wait_for()
        assert page.locator("#page svg rect").count() >= 3
        with page.expect_download() as download:
            page.get_by_role("button", name=re.compile("CSV")).click()
        assert "208" in download.value.path().read_text(encoding="utf-8")
        with page.expect_download() as download:
            page.get_by_role("button", name=re.compile("JSON")).click()
        read = json.loads(download.value.path().read_text(encoding="utf-8"))
        assert read["lines"][0]["text"] == "208"


def test_the_tabs_go_by_the_arrow_keys(visit):
    with visit() as watched:
        page = watched.open()
        page.locator("#tab-draw").focus()
        for tab in (*TABS[1:], TABS[0]):
            page.keyboard.press("ArrowRight")
            page.wait_for_selector(f"#tab-{tab}[aria-selected=true]")
            assert page.evaluate("document.activeElement.id") == f"tab-{tab}"
            assert page.locator("main > section:not([hidden])").get_attribute("id") == tab


@pytest.mark.parametrize("locale", ["en-US", "zh-CN"])
def test_the_browsers_language_is_spoken_and_can_be_changed(visit, locale):
    texts = {
        name: json.loads((STATIC / f"texts/{name}.json").read_text("utf-8"))
        for name in ("en", "zh")
    }
    own, other = ("en", "zh") if locale == "en-US" else ("zh", "en")
    with visit(locale=locale) as watched:
        page = watched.open()
        assert page.locator("#draw h2").text_content() == texts[own]["draw.title"]
        for tab in TABS:
            watched.open(tab)
        page.locator("#language").click()
        page.wait_for_function("text => document.querySelector('#draw h2').textContent === text",
                               arg=texts[other]["draw.title"])  # fmt: skip
        page.reload()
        watched.open()
        assert page.locator("#draw h2").text_content() == texts[other]["draw.title"]


@pytest.mark.parametrize("width", [360, 800])
def test_nothing_is_wider_than_a_narrow_screen(visit, width):
    with visit(viewport={"width": width, "height": 740}) as watched:
        for tab in TABS:
            page = watched.open(tab)
            if tab in ("look", "back"):
                page.wait_for_selector(f"#{tab} .layer >> nth=5")
            page.wait_for_timeout(300)
            assert page.evaluate("document.documentElement.scrollWidth") <= width, tab


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_is_accessible(visit, scheme):
    from axe_playwright_python.sync_playwright import Axe

    with visit(color_scheme=scheme) as watched:
        page = watched.open()
        draw(page, SEVEN)
        answer(page, "7")
        for tab in TABS:
            watched.open(tab)
            page.wait_for_timeout(500)
            found = Axe().run(page, options={"runOnly": ["wcag2a", "wcag2aa", "wcag21aa"]})
            broken = [
                f"{one['id']}: {node['html'][:120]}"
                for one in found.response["violations"]
                for node in one["nodes"]
            ]
            assert not broken, (tab, broken)


def test_a_sign_has_the_reports_colour_and_a_layer_the_number_of_its_names(visit):
    with visit() as watched:
        page = watched.open("look")
        page.wait_for_selector("#look .layer >> nth=5")
        headings = page.locator("#look .layer h3").all_text_contents()
        assert headings[1:4] == ["0. Conv2d", "1. ReLU", "2. MaxPool2d"]
        assert "Blue is negative, red positive" in page.locator("#look").text_content()
        assert "test pictures of mnist" in page.locator("#look .which").text_content()
        below, above = page.evaluate(
            """async () => {
                 const { picture } = await import("/js/pictures.js");
                 const plane = { width: 2, height: 1, values: Float32Array.of(-1, 1) };
                 const canvas = picture(plane, { kind: "signed" });
                 const { data } = canvas.getContext("2d").getImageData(0, 0, 2, 1);
                 return [[...data.slice(0, 3)], [...data.slice(4, 7)]];
               }"""
        )
        ends = matplotlib.colormaps["RdBu_r"]
        for (red, _, blue), end in ((below, ends(0.0)), (above, ends(1.0))):
            assert (red > blue) == (end[0] > end[2])
        watched.open("back")
        page.wait_for_selector("#back .layer >> nth=5")
        assert page.locator("#back .layer h3").last.text_content() == "0. Conv2d"


def test_networks_of_other_classes_and_networks_that_cannot_be_used_are_said(visit, runs):
    for name in ("shapes", "broken"):
        (runs / "runs" / name).mkdir(parents=True, exist_ok=True)
    model = nn.Sequential(nn.Flatten(), nn.Linear(784, 2)).init(np.random.default_rng(0))
    model.card = nn.ModelCard(
        name="shapes", classes=("circle", "star"), figures={"test_accuracy": 0.9}
    )
    byhand.save(model, runs / "runs" / "shapes" / "model.safetensors")
    (runs / "runs" / "broken" / "model.safetensors").write_bytes(b"none")
    with visit() as watched:
        page = watched.open("look")
        page.wait_for_selector("#look .layer >> nth=5")
        # The list comes by itself, and may come after the layers of the network that is shown.
        page.locator("#look .which details", has_text="broken: ").wait_for(state="attached")
        assert page.locator("#look option", has_text="broken").is_disabled()
        page.locator("#look select").select_option("runs/shapes")
        page.get_by_text("circle, star").first.wait_for()
        said = page.locator("#look .which p").text_content()
        assert "90.00 % of its test pictures right" in said
        assert "MNIST" not in said


def test_of_what_is_no_digit_it_is_said_how_sure_it_would_be_one(visit):
    with visit() as watched:
        page = watched.open()
        draw(page, [[(0.2, y), (1.4, y)] for y in (0.2, 0.35, 0.5, 0.65, 0.8)])
        answer(page, "no digit here")
        said = page.locator("#draw .card .note").first.text_content()
        assert said.startswith("Not read as a digit")
